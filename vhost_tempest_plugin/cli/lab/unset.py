# SPDX-License-Identifier: Apache-2.0
"""vhost lab unset."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.lab import overrides
from vhost_tempest_plugin.util import progress


class Unset(Command):
    """Take back what 'vhost lab set' has set of a service, and restart all that read it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("service")
        parser.add_argument(
            "options", nargs="*", metavar="section.option", help="these alone (default: all)"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        overrides.take_back(
            parsed_args.name, parsed_args.service, parsed_args.options, progress.Lines()
        )
