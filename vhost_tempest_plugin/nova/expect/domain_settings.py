# SPDX-License-Identifier: Apache-2.0
"""What Nova writes into a domain besides CPUs, memory and devices, for any request here.

nova/virt/libvirt/driver.py, ``_get_guest_numa_config`` and ``_get_guest_memory_backing_config``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DomainSettings:
    """Parts of a domain's XML.

    :param cpuset: of ``<vcpu>``; None where it has none
    :param iothread_cpus: of each ``<iothreadpin>``; None where I/O threads are not pinned
    :param locked: whether ``<memoryBacking>`` has ``<locked/>``
    """

    cpuset: frozenset[int] | None
    iothread_cpus: frozenset[int] | None
    locked: bool = False


def domain_settings(
    nodes: int, emulator: frozenset[int] | None, shared: frozenset[int]
) -> DomainSettings:
    """Those of a server.

    One without NUMA nodes floats over the host's shared CPUs.  One with nodes has its I/O threads
    where its emulator is; releases before 2026.1 have none.  Memory is locked for realtime CPUs and
    for ``hw:locked_memory``, which no request here has.

    :param nodes: how many NUMA nodes it has
    :param emulator: the host CPUs of its emulator; None where it is not pinned
    :param shared: the host's CPUs for floating servers
    """
    if not nodes:
        return DomainSettings(shared, None)
    return DomainSettings(None, emulator)
