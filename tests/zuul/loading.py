# SPDX-License-Identifier: Apache-2.0
"""The project's jobs as Zuul's own loader sees them."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.zuul import environment

TOP = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
ELSEWHERE = HERE / "elsewhere"
PROJECT = "openstack/vhost-tempest-plugin"


@dataclass(frozen=True)
class Loaded:
    """What ``load.py`` tells of the tenant."""

    facts: dict[str, Any]

    @property
    def errors(self) -> list[str]:
        return [error["text"] for error in self.facts["errors"]]

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        """Ours, by name."""
        return {
            name: variant
            for name, variants in self.facts["jobs"].items()
            for variant in variants
            if variant["source"].startswith(f"{PROJECT}/")
        }

    def ancestry(self, name: str) -> list[dict[str, Any]]:
        """A job and all that it inherits from, itself first, ours and others'."""
        found = []
        parent: str | None = name
        while parent is not None:
            job = self.facts["jobs"][parent][0]
            found.append(job)
            parent = job["parent"]
        return found

    def variables(self, name: str) -> dict[str, Any]:
        """A job's variables with those that it inherits, as Zuul merges them."""
        merged: dict[str, Any] = {}
        for job in reversed(self.ancestry(name)):
            merged = _merged(merged, job["variables"])
        return merged

    def first(self, name: str, attribute: str) -> Any:
        """A simple attribute: that of the nearest job that has one."""
        return next(job[attribute] for job in self.ancestry(name) if job[attribute])


def load(project: Path = TOP, nova: Path | None = None) -> Loaded:
    """Load the tenant.

    :param project: its ``zuul.d`` is ours
    :param nova: a file with Nova's stanzas
    """
    sources = [
        f"{path.relative_to(ELSEWHERE).with_suffix('')}={path}"
        for path in sorted(ELSEWHERE.rglob("*.yaml"))
    ]
    sources += [f"openstack/nova={nova}"] if nova else []
    done = subprocess.run(
        [
            environment.program("python"),
            HERE / "load.py",
            HERE / "tenant.yaml",
            *sources,
            f"{PROJECT}={project}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return Loaded(json.loads(done.stdout))


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Dictionaries are merged, all else is replaced (Zuul's documentation of ``job.vars``)."""
    result = dict(first)
    for key, value in second.items():
        before = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = _merged(before, value) if both else value
    return result
