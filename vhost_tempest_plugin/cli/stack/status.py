# SPDX-License-Identifier: Apache-2.0
"""vhost stack status."""

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from vhost_tempest_plugin.cli.output import Lister
from vhost_tempest_plugin.cli.stack.common import add_name
from vhost_tempest_plugin.devstack import status
from vhost_tempest_plugin.util import progress

_COLUMNS = ("host", "state", "nova-compute", "lacking")


class Status(Lister):
    """Show the state of the hosts, and what the cloud does not report of them yet."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        nodes = status.overview(parsed_args.name, progress.Lines())
        return _COLUMNS, [dataclasses.astuple(node) for node in nodes]
