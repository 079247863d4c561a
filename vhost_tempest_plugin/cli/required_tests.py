# SPDX-License-Identifier: Apache-2.0
"""vhost required-tests."""

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.cli.arguments import Source, TopologyText
from vhost_tempest_plugin.cli.output import Lister
from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.report.results import stream
from vhost_tempest_plugin.scenario import environment, required_tests
from vhost_tempest_plugin.topology import catalog

_COLUMNS = ("test", "must run", "why not", "did run")


class RequiredTests(Lister):
    """List the tests that must run on a topology, and whether they did.

    With the subunit stream of a run, the exit code is 1 if a required test was skipped or is
    missing.
    """

    _missing = 0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--config-file", type=Source, help="the tempest.conf of the deployment")
        source.add_argument(
            "--topology",
            type=TopologyText,
            action="append",
            help="topology of a compute host; repeat it for each host",
        )
        parser.add_argument(
            "--driver-capability",
            action="append",
            default=[],
            choices=[capability.name.lower() for capability in DriverCapability],
            help="with --topology: a capability of [vhost]driver; may be repeated",
        )
        parser.add_argument(
            "--feature",
            action="append",
            default=[],
            choices=[feature.value for feature in TempestFeature],
            help="with --topology: an option that is true in tempest.conf; may be repeated",
        )
        parser.add_argument("--tag", help="only tests with this tag, such as smoke")
        parser.add_argument(
            "--regex",
            type=_pattern,
            help="only tests whose names match, with their tags in brackets, as in 'tempest run'",
        )
        parser.add_argument("--exclude-regex", type=_pattern, help="no tests whose names match")
        parser.add_argument("--subunit", type=Source, help="subunit stream of a run")
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the list; 1 where a test is missing."""
        return super().run(parsed_args) or int(self._missing > 0)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        selection = required_tests.Selection(
            parsed_args.tag, parsed_args.regex, parsed_args.exclude_regex
        )
        entries = list(filter(selection.matches, required_tests.entries(_environment(parsed_args))))
        ran = None if parsed_args.subunit is None else _ran(parsed_args.subunit)
        self._missing = 0 if ran is None else len(required_tests.breaches(entries, ran))
        return _COLUMNS, [
            (
                entry.id,
                entry.must_run,
                "; ".join(entry.unmet),
                "unknown" if ran is None else entry.id in ran,
            )
            for entry in entries
        ]


def _environment(parsed_args: argparse.Namespace) -> TestEnvironment:
    if parsed_args.config_file is not None:
        return environment.read(parsed_args.config_file)
    return TestEnvironment(
        tuple(catalog.find(name) for name in parsed_args.topology),
        frozenset(DriverCapability[name.upper()] for name in parsed_args.driver_capability),
        frozenset(map(TempestFeature, parsed_args.feature)),
    )


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from None


def _ran(path: Path) -> frozenset[str]:
    """The tests of a stream that have passed or failed."""
    try:
        with path.open("rb") as file:
            outcomes = stream.read(file)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", hint="give another --subunit"
        ) from None
    return frozenset(outcome.test for outcome in outcomes if outcome.verdict.has_run)
