# SPDX-License-Identifier: Apache-2.0
"""The tests of a run on one self-contained page."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from vhost_tempest_plugin.report import template
from vhost_tempest_plugin.report.results import placement, placement_svg, time_spent
from vhost_tempest_plugin.report.results.outcome import Run, TestOutcome
from vhost_tempest_plugin.report.results.placement import Moment
from vhost_tempest_plugin.report.results.time_spent import TimeSpent
from vhost_tempest_plugin.topology.layout import Layout


@dataclass(frozen=True, slots=True)
class _Detail:
    """What a test's record shows.

    :param places: each with its picture
    """

    places: tuple[tuple[Moment, Markup], ...]
    time: TimeSpent
    disagreements: tuple[str, ...]


def render(run: Run, layouts: Mapping[str, Layout]) -> str:
    """The page; it refers to nothing outside itself.

    :param layouts: the hardware of the hosts by name
    """
    return template.render(
        "tests.html.j2",
        title=run.title,
        run=run,
        details={outcome.test: _detail(outcome, layouts) for outcome in run.outcomes},
        colours=placement_svg.COLOURS,
        kinds=time_spent.KINDS,
    )


def _detail(outcome: TestOutcome, layouts: Mapping[str, Layout]) -> _Detail | None:
    if outcome.record is None:
        return None
    moments = placement.moments(layouts, outcome.record)
    return _Detail(
        tuple((moment, placement_svg.svg(moment)) for moment in moments),
        time_spent.of(outcome.record),
        tuple(outcome.record["disagreements"]),
    )
