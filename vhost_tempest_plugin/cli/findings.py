# SPDX-License-Identifier: Apache-2.0
"""Commands that look whether things are as they should be."""

import argparse
import dataclasses
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from cliff.lister import Lister

from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Finding

_COLUMNS = tuple(field.name for field in dataclasses.fields(Finding) if field.name != "compared")


class FindingsCommand(Lister):
    """Prints findings; exit code 1 where one is that something is not as it should be."""

    _failed = False

    @abstractmethod
    def find(self, parsed_args: argparse.Namespace) -> Sequence[Finding]:
        """Look."""

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the findings; 1 where one has failed."""
        return super().run(parsed_args) or int(self._failed)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        findings = self.find(parsed_args)
        self._failed = any(finding.verdict is CheckVerdict.FAILED for finding in findings)
        return _COLUMNS, [
            [str(getattr(finding, column)) for column in _COLUMNS] for finding in findings
        ]
