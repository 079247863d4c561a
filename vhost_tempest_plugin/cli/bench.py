# SPDX-License-Identifier: Apache-2.0
"""vhost bench."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from vhost_tempest_plugin.bench import figures
from vhost_tempest_plugin.bench.measurement import Measurement
from vhost_tempest_plugin.cli.arguments import TopologyText
from vhost_tempest_plugin.cli.output import Lister
from vhost_tempest_plugin.util import progress

_COLUMNS = ("figure", "value", "unit", "baseline", "baseline value", "ratio", "aim", "limit", "met")


class Bench(Lister):
    """Measure the program on this machine and compare with baselines.

    The values are medians of several runs. Let nothing else run meanwhile.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--runs", type=_count, default=3, help="runs of each measurement (default: 3)"
        )
        parser.add_argument(
            "--topology",
            type=TopologyText,
            default="article",
            help="name or file (default: article)",
        )
        parser.add_argument(
            "--only",
            nargs="+",
            metavar="NAME",
            choices=tuple(figures.FIGURES),
            default=list(figures.FIGURES),
            help=f"only these figures (default: all of {', '.join(figures.FIGURES)})",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        taken = figures.measure(
            parsed_args.only, parsed_args.topology, parsed_args.runs, progress.Lines()
        )
        return _COLUMNS, [row(measurement) for measurement in taken]


def row(measurement: Measurement) -> tuple[str | float | bool | None, ...]:
    """The cells of a measurement: *aim* is the most for the ratio, *limit* for the value."""
    return (
        measurement.name,
        round(measurement.value, 2),
        measurement.unit,
        measurement.baseline,
        round(measurement.baseline_value, 2),
        round(measurement.ratio, 3),
        None if measurement.aim is None else round(measurement.aim, 2),
        measurement.limit,
        measurement.met,
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
