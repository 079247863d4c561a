# SPDX-License-Identifier: Apache-2.0
"""The memory of this machine."""

from dataclasses import dataclass

import psutil

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Memory:
    """How much there is, and how much of it programs can have without swapping."""

    total_mib: int
    available_mib: int


def memory() -> Memory:
    """As the kernel counts it now (proc_meminfo(5), MemTotal and MemAvailable)."""
    found = psutil.virtual_memory()
    return Memory(found.total // _MIB, found.available // _MIB)
