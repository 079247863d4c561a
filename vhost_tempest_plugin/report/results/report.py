# SPDX-License-Identifier: Apache-2.0
"""The files that a run leaves."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.report import index
from vhost_tempest_plugin.report.results import junit, page
from vhost_tempest_plugin.report.results.outcome import Run, TestOutcome
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import atomic_file

STREAM = "tests.subunit"
JUNIT = "tests.xml"
JSON = "tests.json"
PAGE = "tests.html"


def with_records(outcomes: Iterable[TestOutcome], directory: Path) -> tuple[TestOutcome, ...]:
    """The outcomes with what the tests left in *directory* of what they saw."""
    return tuple(
        dataclasses.replace(outcome, record=_record(directory / f"{outcome.test}.json"))
        for outcome in outcomes
    )


def _record(path: Path) -> Any:
    """What a test has seen; None where it left nothing, or that is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write(run: Run, layouts: Mapping[str, Layout], output: Path) -> Path:
    """JUnit XML, JSON and a page, beside the subunit stream; the path of the index of all."""
    atomic_file.write(output / JUNIT, junit.render(run), mode=atomic_file.PUBLIC)
    fields = {"summary": run.summary, "good": run.is_good, "own_share": run.own_share}
    content = json.dumps({**dataclasses.asdict(run), **fields}, indent=2) + "\n"
    atomic_file.write(output / JSON, content, mode=atomic_file.PUBLIC)
    atomic_file.write(output / PAGE, page.render(run, layouts), mode=atomic_file.PUBLIC)
    return index.write(output)
