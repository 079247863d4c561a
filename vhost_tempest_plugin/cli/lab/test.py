# SPDX-License-Identifier: Apache-2.0
"""vhost lab test."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.lab import testing


class Test(Command):
    """Run tempest against a lab, by default the tests of this plugin."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument(
            "words",
            nargs=argparse.REMAINDER,
            metavar="option",
            help="what 'tempest run' takes, as --smoke, --regex REGEX or --list-tests",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        words = [word for word in parsed_args.words if word != "--"]
        testing.run(testing.prepare(parsed_args.name), words)
