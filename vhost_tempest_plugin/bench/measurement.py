# SPDX-License-Identifier: Apache-2.0
"""A measured figure beside its baseline."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """A figure and what it is compared with; both are medians.

    :param samples: the readings, in *unit*
    :param baseline: the baseline's name
    :param baseline_samples: its readings, in *unit*; the two were taken in turn
    :param aim: the most that the ratio should be; None where there is no such aim
    :param limit: the most that the figure should be, in *unit*; None where there is none
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    baseline: str
    baseline_samples: tuple[float, ...]
    aim: float | None = None
    limit: float | None = None

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

    @property
    def met(self) -> bool | None:
        """Whether aim and limit were met; None where there is neither."""
        wanted = [
            reading <= most
            for reading, most in ((self.ratio, self.aim), (self.value, self.limit))
            if most is not None
        ]
        return all(wanted) if wanted else None


def seconds(work: Callable[[], object]) -> float:
    """How long *work* takes."""
    begun_s = time.perf_counter()
    work()
    return time.perf_counter() - begun_s


def in_turn(
    runs: int, *readings: Callable[[], float], report: Callable[[str], None] = lambda _: None
) -> list[tuple[float, ...]]:
    """Take every reading *runs* times, in turn, so that all meet the same neighbours.

    :param report: gets a line after each round, with what was read
    :returns: the samples of each reading
    """
    rounds = []
    for number in range(1, runs + 1):
        rounds.append(tuple(read() for read in readings))
        report(f"run {number} of {runs}: " + ", ".join(f"{sample:.1f}" for sample in rounds[-1]))
    return list(zip(*rounds, strict=True))
