# SPDX-License-Identifier: Apache-2.0
"""Lists of CPU or node numbers as the kernel and libvirt write them.

The format is the kernel's "list format" (Documentation/core-api/printk-formats.rst,
``%*pbl``), as in ``0-3,6``.
"""

import re
from collections.abc import Iterable

_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?\Z", re.ASCII)


def parse(text: str) -> frozenset[int]:
    """The numbers of a list such as ``0-3,6``; the empty text gives none.

    :raises ValueError: for anything else
    """
    numbers: set[int] = set()
    for part in text.strip().split(",") if text.strip() else ():
        match = _RANGE.match(part.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a list of numbers such as '0-3,6'")
        first = int(match[1])
        last = int(match[2] or first)
        if last < first:
            raise ValueError(f"{part.strip()!r} runs backwards")
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def format(numbers: Iterable[int]) -> str:  # noqa: A001 - reads as cpuset.format
    """The shortest list of *numbers*, ascending: ``{0, 1, 2, 5}`` gives ``0-2,5``."""
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)
