# SPDX-License-Identifier: Apache-2.0
"""vhost lab logs."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.lab import logs

_LINES = 50
_LINES_OF_ALL = 10


class Logs(Command):
    """Print the end of one service's log, or of all logs; passwords are masked."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("service", nargs="?", choices=[s.value for s in Service])
        parser.add_argument(
            "-n",
            "--lines",
            type=int,
            help=f"number of lines (default: {_LINES}, or {_LINES_OF_ALL} of each)",
        )
        parser.add_argument(
            "-f", "--follow", action="store_true", help="print new lines until interrupted"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        service = Service(parsed_args.service) if parsed_args.service else None
        count = parsed_args.lines or (_LINES if service else _LINES_OF_ALL)
        for line in logs.lines(parsed_args.name, service, count, follow=parsed_args.follow):
            self.app.stdout.write(f"{line}\n")
            self.app.stdout.flush()
