# SPDX-License-Identifier: Apache-2.0
"""A host as Nova sees it: the words of its NUMATopology and of its table pci_devices.

nova/virt/libvirt/driver.py, ``_get_host_numa_topology``, makes it of libvirt's capabilities
and of ``[compute] cpu_shared_set`` and ``cpu_dedicated_set``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import PciDeviceRow
from vhost_tempest_plugin.topology.hardware import Cell
from vhost_tempest_plugin.topology.layout import Layout

SMALL_KIB = 4
_KIB = 1024


@dataclass(frozen=True, slots=True)
class HostNode:
    """A NUMA node of a host.

    :param shared: CPUs that instances float over
    :param dedicated: CPUs that instances are pinned to
    :param cores: the threads of each core, those left out that no instance may use
    :param socket: None where its CPUs are of several sockets, or there are none
    :param pages: (size in KiB, how many), ascending; small ones are what huge ones leave over
    """

    id: int
    shared: frozenset[int]
    dedicated: frozenset[int]
    cores: tuple[frozenset[int], ...]
    socket: int | None
    memory_mib: int
    pages: tuple[tuple[int, int], ...]

    @property
    def threads(self) -> int:
        """How many threads a core has for instances, 0 without CPUs."""
        return max((len(core) for core in self.cores), default=0)


@dataclass(frozen=True, slots=True)
class NovaHost:
    """All of it, the devices ascending by address."""

    nodes: tuple[HostNode, ...]
    devices: tuple[PciDeviceRow, ...]

    @property
    def memory_mib(self) -> int:
        """The memory of all nodes."""
        return sum(node.memory_mib for node in self.nodes)

    @property
    def shared(self) -> frozenset[int]:
        """The CPUs of all nodes that instances float over."""
        return frozenset().union(*(node.shared for node in self.nodes))

    def near(self, nodes: frozenset[int]) -> frozenset[int] | None:
        """All nodes in the sockets of *nodes*; None where a node is not of one socket.

        Nova takes the policy "socket" for impossible then, on all of the host
        (nova/pci/stats.py, ``_filter_pools_for_socket_affinity``).
        """
        if any(node.socket is None for node in self.nodes):
            return None
        sockets = {node.socket for node in self.nodes if node.id in nodes}
        return frozenset(node.id for node in self.nodes if node.socket in sockets)


def seen_by_nova(layout: Layout, memory_kib: Mapping[int, int] | None = None) -> NovaHost:
    """What Nova sees of a host.

    :param memory_kib: the memory of each node as measured, without what the kernel and the
        firmware have kept for themselves; by default the topology's
    """
    hardware, sets = layout.hardware(), pci_devices.cpu_sets(layout)
    usable = sets.shared | sets.dedicated
    sockets = {cpu.id: cpu.socket for cpu in hardware.cpus}
    siblings = {cpu.id: cpu.siblings for cpu in hardware.cpus}

    def node(cell: Cell) -> HostNode:
        kib = (memory_kib or {}).get(cell.id, cell.memory_mib * _KIB)
        of = {sockets[cpu] for cpu in cell.cpus}
        cores = {siblings[cpu] & usable for cpu in cell.cpus & usable}
        return HostNode(
            id=cell.id,
            shared=cell.cpus & sets.shared,
            dedicated=cell.cpus & sets.dedicated,
            cores=tuple(sorted(cores, key=min)),
            socket=of.pop() if len(of) == 1 else None,
            memory_mib=kib // _KIB,
            pages=_pages(cell, kib),
        )

    nodes = tuple(node(cell) for cell in hardware.cells)
    return NovaHost(nodes, pci_devices.expected_devices(layout))


def _pages(cell: Cell, memory_kib: int) -> tuple[tuple[int, int], ...]:
    """As libvirt counts them (src/util/virnuma.c, ``virNumaGetPages``)."""
    huge = tuple((pages.size_kib, pages.count) for pages in sorted(cell.huge_pages))
    left_kib = memory_kib - sum(size * count for size, count in huge)
    return ((SMALL_KIB, left_kib // SMALL_KIB), *huge)
