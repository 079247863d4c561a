# SPDX-License-Identifier: Apache-2.0
"""vhost restore."""

import argparse
from collections.abc import Sequence
from typing import Any

from vhost_tempest_plugin.cli.describe import HOST_COLUMNS, host_row
from vhost_tempest_plugin.cli.output import ShowOne
from vhost_tempest_plugin.host import lifecycle
from vhost_tempest_plugin.util import progress


class Restore(ShowOne):
    """Restore a saved host with everything that ran in it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        return parser

    def take_action(self, arguments: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        return HOST_COLUMNS, host_row(lifecycle.restore(arguments.name, progress.Lines()))
