# SPDX-License-Identifier: Apache-2.0
"""vhost stack missing-packages."""

import argparse
from pathlib import Path

from cliff.command import Command

from vhost_tempest_plugin.devstack import sources


class MissingPackages(Command):
    """List the packages that Nova needs and that devstack's virtual environment lacks.

    The system's packages, which the hosts do not have, stand in for them on this machine. The
    output has one name a line, for pip's --ignore-installed.
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
        for name in sources.missing_packages(parsed_args.environment, roots):
            self.app.stdout.write(f"{name}\n")
