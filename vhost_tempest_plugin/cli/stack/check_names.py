# SPDX-License-Identifier: Apache-2.0
"""vhost stack check-names."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.stack.common import add_name
from vhost_tempest_plugin.devstack import lifecycle


class CheckNames(Command):
    """Check that the hosts can have their names: legal ones, that nobody else's hosts have.

    The devstack plugin calls this before anything is installed.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument(
            "--hosts", type=int, default=1, help="number of hosts, VHOST_HOSTS (default: 1)"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        lifecycle.require_names(parsed_args.name, parsed_args.hosts)
