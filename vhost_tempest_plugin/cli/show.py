# SPDX-License-Identifier: Apache-2.0
"""vhost show."""

import argparse
from collections.abc import Sequence
from typing import Any

from vhost_tempest_plugin.cli.describe import DETAIL_COLUMNS, detail_row
from vhost_tempest_plugin.cli.output import ShowOne
from vhost_tempest_plugin.host import status


class Show(ShowOne):
    """Show one host: what it is, how it runs, where its files are."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        return parser

    def take_action(self, arguments: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        return DETAIL_COLUMNS, detail_row(status.status(arguments.name))
