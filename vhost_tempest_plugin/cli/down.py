# SPDX-License-Identifier: Apache-2.0
"""vhost down."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.host import lifecycle
from vhost_tempest_plugin.util import progress


class Down(Command):
    """Shut a host down; its disk stays, and 'vhost up' boots it again."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        return parser

    def take_action(self, arguments: argparse.Namespace) -> None:
        lifecycle.down(arguments.name, progress.Lines())
