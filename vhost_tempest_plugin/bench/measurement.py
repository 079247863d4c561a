# SPDX-License-Identifier: Apache-2.0
"""A measured figure beside its baseline."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """A figure and what it is compared with; both are medians.

    :param samples: the readings, in *unit*
    :param baseline: the baseline's name
    :param baseline_samples: its readings, in *unit*; the two were taken in turn
    :param aim: what the ratio should be, in words; empty where there is no aim
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    baseline: str
    baseline_samples: tuple[float, ...]
    aim: str = ""

    @property
    def value(self) -> float:
        """The median of the readings."""
        return statistics.median(self.samples)

    @property
    def baseline_value(self) -> float:
        """The median of the baseline's readings."""
        return statistics.median(self.baseline_samples)

    @property
    def ratio(self) -> float:
        """The figure over its baseline."""
        return self.value / self.baseline_value


def seconds(work: Callable[[], object]) -> float:
    """How long *work* takes."""
    begun_s = time.perf_counter()
    work()
    return time.perf_counter() - begun_s


def in_turn(
    runs: int, subject: Callable[[], float], baseline: Callable[[], float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Readings of both, *runs* of each, in turn, so that both meet the same neighbours."""
    pairs: Sequence[tuple[float, float]] = [(subject(), baseline()) for _ in range(runs)]
    return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)
