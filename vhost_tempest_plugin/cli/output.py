# SPDX-License-Identifier: Apache-2.0
"""cliff's base classes with tables that people can read; its other formats are as they are."""

import argparse
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from cliff import lister, show
from cliff.columns import FormattableColumn
from cliff.formatters import base

from vhost_tempest_plugin.cli import columns
from vhost_tempest_plugin.cli.terminal import Terminal
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.util import paths

TABLE = "table"


class _Columns(base.ListFormatter, base.SingleFormatter):
    """In place of cliff's table, whose borders and equal columns need more than 80 characters."""

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        """It has no options: it fits the terminal, or $COLUMNS."""

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        """Print rows."""
        rows = [[_readable(value) for value in row] for row in data]
        text = columns.table(column_names, rows, Terminal.of(stdout)) if rows else "none\n"
        stdout.write(text)

    def emit_one(
        self,
        column_names: Sequence[str],
        data: Sequence[Any],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        """Print one thing."""
        values = [_readable(value) for value in data]
        stdout.write(columns.fields(column_names, values, Terminal.of(stdout)))


class Lister(lister.Lister):
    """A command that prints a list."""

    def _load_formatter_plugins(self) -> Any:
        manager = super()._load_formatter_plugins()
        manager[TABLE].obj = _Columns()
        return manager


class ShowOne(show.ShowOne):
    """A command that prints one thing."""

    def _load_formatter_plugins(self) -> Any:
        manager = super()._load_formatter_plugins()
        manager[TABLE].obj = _Columns()
        return manager


class Moment(FormattableColumn[str]):
    """A point in time, of a record: people read it without seconds, in their own zone."""

    def human_readable(self) -> str:
        """As ``2026-11-30 01:02``, or as it is where it is no ISO 8601."""
        try:
            return datetime.fromisoformat(self._value).astimezone().strftime("%Y-%m-%d %H:%M")
        except ValueError:
            return self._value


class Location(FormattableColumn[str]):
    """A path: people read it with ``~`` for their home directory."""

    def human_readable(self) -> str:
        """With ``~``."""
        path = Path(self._value)
        try:
            home = paths.home()
        except LocalError:
            return self._value
        return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else self._value


class Structure(FormattableColumn[list[dict[str, Any]]]):
    """A list of objects, whole in formats for programs; people read how many there are."""

    def human_readable(self) -> str:
        """Their number."""
        return str(len(self._value))


def _readable(value: object) -> object:
    return value.human_readable() if isinstance(value, FormattableColumn) else value
