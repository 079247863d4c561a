# SPDX-License-Identifier: Apache-2.0
"""Commands that check whether things are as they should be."""

import argparse
import dataclasses
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from cliff.command import Command

from vhost_tempest_plugin.cli import verdicts
from vhost_tempest_plugin.cli.output import TABLE, Lister, Structure
from vhost_tempest_plugin.cli.terminal import Terminal
from vhost_tempest_plugin.host.checks.finding import Finding, summarize

_COLUMNS = tuple(field.name for field in dataclasses.fields(Finding))


class FindingsCommand(Lister):
    """Prints findings; exit code 1 where one is that something is not as it should be."""

    _findings: Sequence[Finding] = ()

    @abstractmethod
    def find(self, parsed_args: argparse.Namespace) -> Sequence[Finding]:
        """Run the checks."""

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the findings; 1 where one is not good."""
        code = super().run(parsed_args)
        return code or int(any(each.is_bad for each in self._findings))

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        self._findings = self.find(parsed_args)
        return _COLUMNS, [
            [_cell(getattr(finding, column)) for column in _COLUMNS] for finding in self._findings
        ]

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
    ) -> int:
        """As text, unless columns or another format are chosen."""
        if parsed_args.formatter != TABLE or parsed_args.columns:
            return super().produce_output(parsed_args, column_names, data)
        show(self._findings, self.app.stdout, verbose=is_verbose(self))
        return 0


def is_verbose(command: Command) -> bool:
    """Whether details are asked for too: cliff takes ``--verbose`` wherever it is given."""
    return bool(command.app_args is not None and command.app_args.verbose_level > 0)


def show(findings: Sequence[Finding], stream: TextIO, *, verbose: bool = False) -> None:
    """Print findings: a line for each that passed, the differences of the others, and the sum."""
    terminal = Terminal.of(stream)
    entries = [verdicts.of_finding(each, terminal, verbose=verbose) for each in findings]
    stream.write(verdicts.render(entries, terminal))
    stream.write(f"{summarize(findings)}\n")


def _cell(value: object) -> object:
    if isinstance(value, tuple):
        return Structure([dataclasses.asdict(each) for each in value])
    return str(value)
