# SPDX-License-Identifier: Apache-2.0
"""vhost stack foreign."""

import argparse
from pathlib import Path

from cliff.command import Command

from vhost_tempest_plugin.devstack import sources


class Foreign(Command):
    """Name what Nova needs and devstack's virtual environment has not itself.

    The machine's own Python packages fill it up, which the hosts do not have; one name a line, for
    pip's --ignore-installed.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--environment", type=Path, required=True, help="devstack's $DATA_DIR/venv"
        )
        parser.add_argument(
            "--neutron", action="store_true", help="and what Neutron's agents need, which run there"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        roots = ("nova", "neutron") if parsed_args.neutron else ("nova",)
        for name in sources.foreign(parsed_args.environment, roots):
            self.app.stdout.write(f"{name}\n")
