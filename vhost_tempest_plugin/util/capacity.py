# SPDX-License-Identifier: Apache-2.0
"""The memory and the CPUs that this process can have: the machine's, or less in a container."""

import math
import os
from dataclasses import dataclass

import psutil

from vhost_tempest_plugin.util import cgroup

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Memory:
    """How much there is, and how much of it programs can have without swapping."""

    total_mib: int
    available_mib: int


def memory() -> Memory:
    """As the kernel counts it now, for the machine and for each cgroup that this process is in.

    proc_meminfo(5), MemTotal and MemAvailable; a cgroup's limit, and what is left of it.
    """
    found = psutil.virtual_memory()
    limits = cgroup.memory_limits()
    return Memory(
        min([found.total, *(limit.most_bytes for limit in limits)]) // _MIB,
        min([found.available, *(limit.left_bytes for limit in limits)]) // _MIB,
    )


def cpus() -> float:
    """How many CPUs can work at once: those allowed (sched_getaffinity(2)), or a cgroup's quota."""
    return min([float(len(os.sched_getaffinity(0))), *cgroup.cpu_limits()])


def jobs() -> int:
    """How many jobs to run at once that only compute."""
    return math.ceil(cpus())
