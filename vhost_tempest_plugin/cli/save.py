# SPDX-License-Identifier: Apache-2.0
"""vhost save."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.host import lifecycle
from vhost_tempest_plugin.util import progress


class Save(Command):
    """Save a running host to disk, including its memory, and stop it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        return parser

    def take_action(self, arguments: argparse.Namespace) -> None:
        lifecycle.save(arguments.name, progress.Lines())
