# SPDX-License-Identifier: Apache-2.0
"""What came of each test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class TestVerdict(StrEnum):
    """How a test ended; one that never did is unfinished."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    EXPECTED = "failed as expected"
    UNFINISHED = "unfinished"

    @property
    def is_good(self) -> bool:
        """Whether a run with it is good, must-run tests aside."""
        return self in (TestVerdict.PASSED, TestVerdict.SKIPPED, TestVerdict.EXPECTED)

    @property
    def has_run(self) -> bool:
        """Whether the test has said something."""
        return self in (TestVerdict.PASSED, TestVerdict.FAILED, TestVerdict.EXPECTED)


def short(test: str) -> str:
    """Class and method of a test's full name."""
    return ".".join(test.split(".")[-2:])


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """Of one test.

    :param test: its full name, without what tempest adds in brackets
    :param begun: when, as ISO 8601
    :param reason: why it was skipped, else the traceback
    :param logs: what else it left, by name
    :param record: what a scenario left of what it saw (``scenario.record``)
    """

    test: str
    verdict: TestVerdict
    begun: str
    elapsed_s: float
    reason: str = ""
    logs: Mapping[str, str] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Its class and method."""
        return short(self.test)

    @property
    def own_s(self) -> float | None:
        """Seconds of the harness's own, None where that was not measured."""
        return None if self.record is None else float(self.record["own_s"])


@dataclass(frozen=True, slots=True)
class Run:
    """All of them, in the order of their ends.

    :param breaches: tests that had to run and did not
    """

    title: str
    outcomes: tuple[TestOutcome, ...]
    elapsed_s: float
    breaches: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether all went well: at least one test ran, none failed, none is missing."""
        ran = any(outcome.verdict.has_run for outcome in self.outcomes)
        return ran and not self.breaches and all(o.verdict.is_good for o in self.outcomes)

    def count(self, verdict: TestVerdict) -> int:
        """How many tests ended so."""
        return sum(outcome.verdict is verdict for outcome in self.outcomes)

    @property
    def summary(self) -> str:
        """The counts in words; those that are always there come first."""
        always = (TestVerdict.PASSED, TestVerdict.FAILED, TestVerdict.SKIPPED)
        words = [f"{self.count(v)} {v}" for v in TestVerdict if v in always or self.count(v)]
        missing = [f"{len(self.breaches)} that must run did not"] if self.breaches else []
        return ", ".join([*words, *missing])

    @property
    def own_share(self) -> float | None:
        """What part of the time of the measured tests was the harness's own."""
        measured = [o for o in self.outcomes if o.own_s is not None and o.elapsed_s]
        total_s = sum(outcome.elapsed_s for outcome in measured)
        return sum(o.own_s or 0.0 for o in measured) / total_s if total_s else None
