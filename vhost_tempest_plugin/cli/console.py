# SPDX-License-Identifier: Apache-2.0
"""vhost console."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.host import status


class Console(Command):
    """Print the serial console of a host since its last start."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        parser.add_argument(
            "--follow", action="store_true", help="keep printing until the host stops"
        )
        return parser

    def take_action(self, arguments: argparse.Namespace) -> None:
        for text in status.console(arguments.name, follow=arguments.follow):
            self.app.stdout.write(text)
            self.app.stdout.flush()
