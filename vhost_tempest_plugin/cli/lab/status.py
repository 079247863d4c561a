# SPDX-License-Identifier: Apache-2.0
"""vhost lab status."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from vhost_tempest_plugin.cli.lab.common import STATUS_COLUMNS, add_name
from vhost_tempest_plugin.cli.output import Lister
from vhost_tempest_plugin.lab import status


class Status(Lister):
    """Show the state of every part of a lab; exit code 1 if one does not run."""

    _ill = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the parts; 1 where one does not run."""
        return super().run(parsed_args) or int(self._ill)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        parts = status.parts(parsed_args.name)
        self._ill = not all(part.is_well for part in parts)
        return STATUS_COLUMNS, [_row(part) for part in parts]


def rows(name: str) -> list[tuple[Any, ...]]:
    """The cells of STATUS_COLUMNS for every part of a lab."""
    return [_row(part) for part in status.parts(name)]


def _row(part: status.Part) -> tuple[Any, ...]:
    return (part.name, part.place, part.state, part.pid, part.up_s, part.restarts)
