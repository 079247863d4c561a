# SPDX-License-Identifier: Apache-2.0
"""The outcome of a check."""

from dataclasses import dataclass
from enum import StrEnum


class CheckVerdict(StrEnum):
    """How a check went; not applicable is only for what the topology does not have."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    :param check: its name
    :param expected: what the topology promises, in words
    :param observed: what the host shows
    :param remedy: what to do; empty unless it failed
    """

    check: str
    verdict: CheckVerdict
    expected: str
    observed: str
    remedy: str = ""
