# SPDX-License-Identifier: Apache-2.0
"""vhost check."""

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from cliff.lister import Lister

from vhost_tempest_plugin import catalog, hosts, layout, progress
from vhost_tempest_plugin.checks import registry
from vhost_tempest_plugin.checks.base import Subject
from vhost_tempest_plugin.finding import Finding, Verdict

_COLUMNS = tuple(field.name for field in dataclasses.fields(Finding))


class Check(Lister):
    """Check that a running host is what its topology says; exit code 1 if anything is not."""

    _failed = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        parser.add_argument(
            "checks",
            nargs="*",
            metavar="check",
            help=f"these checks alone (default: all of {', '.join(registry.HOST.load())})",
        )
        parser.add_argument(
            "--against",
            metavar="TOPOLOGY",
            help="name or file of the topology to expect (default: the host's own)",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the findings; 1 where one has failed."""
        return super().run(parsed_args) or int(self._failed)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        news = progress.Lines()
        wanted = (
            layout.lay_out(catalog.find(parsed_args.against))
            if parsed_args.against
            else hosts.intended(parsed_args.name)
        )
        with hosts.connected(parsed_args.name) as (record, machine):
            subject = Subject(wanted, record.accelerator, machine, news)
            findings = registry.HOST.run_all(subject, parsed_args.checks)
        self._failed = any(finding.verdict is Verdict.FAILED for finding in findings)
        return _COLUMNS, [
            [str(getattr(finding, column)) for column in _COLUMNS] for finding in findings
        ]
