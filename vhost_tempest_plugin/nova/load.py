# SPDX-License-Identifier: Apache-2.0
"""What of a host is taken already."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """What instances with NUMA nodes have taken of a host's node.

    :param pinned: host CPUs that are dedicated to instances or their emulators
    :param floating_vcpus: guest CPUs that float over the node's shared ones
    :param memory_mib: memory, on pages of whatever size
    :param pages: (size in KiB, how many), of pages taken; the smallest size included
    """

    pinned: frozenset[int] = frozenset()
    floating_vcpus: int = 0
    memory_mib: int = 0
    pages: tuple[tuple[int, int], ...] = ()

    def used(self, size_kib: int) -> int:
        """How many pages of a size are taken."""
        return dict(self.pages).get(size_kib, 0)


@dataclass(frozen=True, slots=True)
class Load:
    """What instances have taken of a host; one that has none is ``Load()``.

    :param nodes: by the number of the host's node; one that is left out is free
    :param devices: PCI functions that instances have
    :param vcpus: guest CPUs of those instances that have no NUMA nodes, which are all floating
    :param memory_mib: the memory of those instances
    """

    nodes: Mapping[int, NodeLoad] = field(default_factory=dict)
    devices: frozenset[PciAddress] = frozenset()
    vcpus: int = 0
    memory_mib: int = 0

    def of(self, node: int) -> NodeLoad:
        """What is taken of a node."""
        return self.nodes.get(node, NodeLoad())

    @property
    def all_vcpus(self) -> int:
        """Floating CPUs of all instances."""
        return self.vcpus + sum(node.floating_vcpus for node in self.nodes.values())

    @property
    def all_memory_mib(self) -> int:
        """Memory of all instances."""
        return self.memory_mib + sum(node.memory_mib for node in self.nodes.values())
