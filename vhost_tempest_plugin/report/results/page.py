# SPDX-License-Identifier: Apache-2.0
"""A run on one self-contained page."""

from collections.abc import Mapping

import jinja2

from vhost_tempest_plugin.report.results.outcome import Run, TestVerdict
from vhost_tempest_plugin.report.results.picture import moments
from vhost_tempest_plugin.topology.layout import Layout

_COLOURS = 10


def render(run: Run, layouts: Mapping[str, Layout]) -> str:
    """The page; it refers to nothing outside itself.

    :param layouts: the hardware of the hosts by name
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vhost_tempest_plugin.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["colour"] = lambda guest: guest % _COLOURS
    return environment.get_template("tests.html.j2").render(
        run=run,
        verdicts=TestVerdict,
        pictures={
            outcome.test: moments(layouts, outcome.record)
            for outcome in run.outcomes
            if outcome.record is not None
        },
    )
