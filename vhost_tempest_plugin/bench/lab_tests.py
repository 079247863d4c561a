# SPDX-License-Identifier: Apache-2.0
"""How much of the smoke scenarios' time is the harness's own."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.bench import lab
from vhost_tempest_plugin.bench.measurement import Measurement
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.report.results.report import JSON

_MOST = 0.05


def measure(setting: Setting) -> Iterator[Measurement]:
    """All runs on one lab.

    :raises VhostError: a test fails
    """
    runs = []
    with lab.up(setting), setting.workplace.fresh("tests") as output:
        for number in range(1, setting.runs + 1):
            place = setting.workplace
            place.vhost("lab", "test", "--name", lab.NAME, "--smoke", "--output", str(output))
            runs.append(_run(output))
            own_s, all_s = runs[-1]
            setting.progress(f"run {number} of {setting.runs}: {own_s:.1f} of {all_s:.1f} s")
    yield shares(runs)


def shares(runs: Iterable[tuple[float, float]]) -> Measurement:
    """From the harness's own time and all time of each run, in seconds."""
    own, everything = zip(*runs, strict=True)
    return Measurement(
        "smoke scenarios, the harness's own", "s", own, "all of their time", everything, _MOST
    )


def _run(output: Path) -> tuple[float, float]:
    try:
        outcomes: list[Mapping[str, Any]] = json.loads((output / JSON).read_text(encoding="utf-8"))[
            "outcomes"
        ]
    except (OSError, ValueError, KeyError) as error:
        raise VhostError(f"{output / JSON} has no outcomes: {error!r}", hint="repeat") from None
    measured = [outcome for outcome in outcomes if outcome["record"]]
    own_s = sum(float(outcome["record"]["own_s"]) for outcome in measured)
    return own_s, sum(float(outcome["elapsed_s"]) for outcome in measured)
