# SPDX-License-Identifier: Apache-2.0
"""The files that a run leaves."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from vhost_tempest_plugin.report import index
from vhost_tempest_plugin.report.results import junit, page
from vhost_tempest_plugin.report.results.outcome import Run, TestOutcome
from vhost_tempest_plugin.topology.layout import Layout

STREAM = "tests.subunit"
JUNIT = "tests.xml"
JSON = "tests.json"
PAGE = "tests.html"


def with_records(outcomes: Iterable[TestOutcome], directory: Path) -> tuple[TestOutcome, ...]:
    """The outcomes with what the tests left in *directory* of what they saw."""
    return tuple(
        dataclasses.replace(outcome, record=json.loads(path.read_text()))
        if (path := directory / f"{outcome.test}.json").is_file()
        else outcome
        for outcome in outcomes
    )


def write(run: Run, layouts: Mapping[str, Layout], output: Path) -> Path:
    """JUnit XML, JSON and a page, beside the subunit stream; the path of the index of all."""
    (output / JUNIT).write_text(junit.render(run))
    fields = {"summary": run.summary, "good": run.is_good, "own_share": run.own_share}
    (output / JSON).write_text(json.dumps({**dataclasses.asdict(run), **fields}, indent=2) + "\n")
    (output / PAGE).write_text(page.render(run, layouts))
    return index.write(output)
