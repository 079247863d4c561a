# SPDX-License-Identifier: Apache-2.0
"""The outcome of a check."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class CheckVerdict(StrEnum):
    """How a check went.

    An error is a check that could not finish, so that nothing is known; not applicable is only
    for what the topology does not have, or what options keep from being computed.
    """

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One item of a check with its two values, each empty where that side does not have the item.

    :param item: what was compared, as ``node 0 memory``
    """

    item: str
    expected: str
    observed: str

    @property
    def agrees(self) -> bool:
        """Whether the item is what it should be."""
        return self.expected == self.observed


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    :param check: its name
    :param expected: what the topology promises, in words
    :param observed: what the host shows; of an error, its reason
    :param hint: what to do; empty unless it is bad
    :param compared: all items, those that agree too; empty where there is nothing to itemize
    """

    check: str
    verdict: CheckVerdict
    expected: str
    observed: str
    hint: str = ""
    compared: tuple[Comparison, ...] = ()

    @property
    def is_bad(self) -> bool:
        """Whether it keeps its subject from being known as right."""
        return self.verdict in (CheckVerdict.FAILED, CheckVerdict.ERROR)

    @property
    def differences(self) -> tuple[Comparison, ...]:
        """The items that are not what they should be."""
        return tuple(each for each in self.compared if not each.agrees)


def summarize(findings: Sequence[Finding]) -> str:
    """How many checks passed, failed and did not apply, in words."""
    counts = {verdict: sum(f.verdict is verdict for f in findings) for verdict in CheckVerdict}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
