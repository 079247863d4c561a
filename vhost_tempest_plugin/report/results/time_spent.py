# SPDX-License-Identifier: Apache-2.0
"""What the seconds of a test went to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What a test waits for, in the words of a reader; by the beginning of a record's words.
_WAITS = {
    "the API": "API calls",
    "status": "server status",
    "release": "release of resources",
    "options": "configuration",
    "the end of servers": "deletion",
    "the report of server": "guest report",
    "nova-compute": "nova-compute",
    "the host": "emulated host",
}
_BOOT = "boot"
_OTHER = "other waits"
_HARNESS = "harness"
# In this order; the number of each is its colour.
KINDS = (_BOOT, *_WAITS.values(), _OTHER, "inspection", _HARNESS)


@dataclass(frozen=True, slots=True)
class Share:
    """Seconds of one kind."""

    kind: str
    spent_s: float

    @property
    def colour(self) -> int:
        """Its number among the kinds."""
        return KINDS.index(self.kind)


@dataclass(frozen=True, slots=True)
class Step:
    """A phase of a test.

    :param servers: the numbers of those that it was about
    """

    name: str
    servers: tuple[int, ...]
    begun_s: float
    shares: tuple[Share, ...]

    @property
    def spent_s(self) -> float:
        """How long it took."""
        return sum(share.spent_s for share in self.shares)


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """All of a test's time."""

    total_s: float
    steps: tuple[Step, ...]

    @property
    def shares(self) -> tuple[Share, ...]:
        """The sum of each kind, in the order of the kinds."""
        sums = dict.fromkeys(KINDS, 0.0)
        for step in self.steps:
            for share in step.shares:
                sums[share.kind] += share.spent_s
        return tuple(Share(kind, spent_s) for kind, spent_s in sums.items() if spent_s)


def of(record: Mapping[str, Any]) -> TimeSpent:
    """From a test's record; a phase begins where the one before it ended."""
    return TimeSpent(float(record["total_s"]), tuple(map(_step, record["phases"])))


def _step(phase: Mapping[str, Any]) -> Step:
    sums: dict[str, float] = {}
    for what, spent_s in (*phase["waited_s"].items(), *phase["worked_s"].items()):
        kind = _kind(what, phase["step"])
        sums[kind] = sums.get(kind, 0.0) + spent_s
    sums[_HARNESS] = max(phase["spent_s"] - sum(sums.values()), 0.0)
    return Step(
        phase["step"],
        tuple(phase["servers"]),
        phase["begun_s"],
        tuple(Share(kind, sums[kind]) for kind in KINDS if sums.get(kind)),
    )


def _kind(what: str, step: str) -> str:
    if what == "status" and step == _BOOT:
        return _BOOT
    if what in KINDS:
        return what
    return next((kind for begin, kind in _WAITS.items() if what.startswith(begin)), _OTHER)
