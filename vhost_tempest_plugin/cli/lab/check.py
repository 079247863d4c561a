# SPDX-License-Identifier: Apache-2.0
"""vhost lab check."""

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from cliff.lister import Lister

from vhost_tempest_plugin import progress
from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.finding import Finding, Verdict
from vhost_tempest_plugin.lab import checking, labs
from vhost_tempest_plugin.lab.checks.base import LAB

_COLUMNS = tuple(field.name for field in dataclasses.fields(Finding))


class Check(Lister):
    """Check that a lab is ready; exit code 1 if anything is not as it should be."""

    _failed = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument(
            "checks",
            nargs="*",
            metavar="check",
            help=f"these checks alone (default: all of {', '.join(LAB.load())})",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the findings; 1 where one has failed."""
        return super().run(parsed_args) or int(self._failed)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        settings = labs.settings(parsed_args.name)
        findings = checking.run(settings, parsed_args.checks, progress.Lines())
        self._failed = any(finding.verdict is Verdict.FAILED for finding in findings)
        return _COLUMNS, [
            [str(getattr(finding, column)) for column in _COLUMNS] for finding in findings
        ]
