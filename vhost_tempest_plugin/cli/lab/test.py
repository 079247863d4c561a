# SPDX-License-Identifier: Apache-2.0
"""vhost lab test."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.lab import testing


class Test(Command):
    """Run tempest against a lab, by default the tests of this plugin.

    The exit code is tempest's.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument(
            "--smoke", action="store_true", help="all that are marked so, tempest's own as well"
        )
        chosen.add_argument(
            "--regex", default=testing.OURS, help="those whose names match (default: %(default)s)"
        )
        parser.add_argument("--list-tests", action="store_true", help="run none, name them")
        parser.add_argument("--concurrency", type=int, default=1, help="workers (default: 1)")
        parser.add_argument(
            "words", nargs="*", metavar="option", help="after '--', what else 'tempest run' takes"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        words = ["--smoke"] if parsed_args.smoke else ["--regex", parsed_args.regex]
        words += ["--concurrency", str(parsed_args.concurrency), *parsed_args.words]
        if parsed_args.list_tests:
            words.append("--list-tests")
        testing.run(testing.prepare(parsed_args.name), words)
