# SPDX-License-Identifier: Apache-2.0
"""vhost stack logs."""

import argparse
from collections.abc import Iterator

from cliff.command import Command

from vhost_tempest_plugin.cli.stack.common import add_name
from vhost_tempest_plugin.devstack import status
from vhost_tempest_plugin.util import progress

_LINES = 50


class Logs(Command):
    """Print the end of nova-compute's log of each host."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("host", nargs="?", help="default: all hosts, one after the other")
        parser.add_argument(
            "-n", "--lines", type=int, default=_LINES, help=f"number of lines (default: {_LINES})"
        )
        parser.add_argument(
            "-f",
            "--follow",
            action="store_true",
            help="print new lines of one host until interrupted",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for line in self._lines(parsed_args):
            self.app.stdout.write(f"{line}\n")
            self.app.stdout.flush()

    def _lines(self, parsed_args: argparse.Namespace) -> Iterator[str]:
        names = status.known_hosts(parsed_args.name, parsed_args.host, progress.Lines())
        for name in names:
            if len(names) > 1:
                yield f"== {name}"
            if parsed_args.follow:
                yield from status.follow(name, parsed_args.lines)
            else:
                yield from status.last_lines(parsed_args.name, name, parsed_args.lines)
