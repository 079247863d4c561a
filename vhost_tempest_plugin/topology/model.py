# SPDX-License-Identifier: Apache-2.0
"""The intent: what hardware an emulated host has.

These values are what a topology file is read into; ``yaml_file`` reads it.
A value that exists is well-formed by itself; ``Host`` also checks across its parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from vhost_tempest_plugin.topology.device_model import DeviceModel
from vhost_tempest_plugin.topology.iommu_model import IommuModel
from vhost_tempest_plugin.topology.iommus import intel


class Binding(StrEnum):
    """Which driver holds a device after boot: the kernel's own, or vfio-pci from the start."""

    KERNEL = "kernel"
    VFIO_PCI = "vfio-pci"


@dataclass(frozen=True, slots=True)
class CpuTopology:
    """How the CPUs are arranged; their number is the product."""

    sockets: int
    cores: int = 1
    threads: int = 1

    @property
    def count(self) -> int:
        """How many CPUs there are."""
        return self.sockets * self.cores * self.threads


@dataclass(frozen=True, order=True, slots=True)
class HugePages:
    """Huge pages of one size reserved on a node at boot."""

    size_kib: int
    count: int


@dataclass(frozen=True, slots=True)
class DeviceGroup:
    """*count* equal devices.

    :param vfs: virtual functions of each, enabled at boot
    :param macs: one for each, if they are NICs, or none for made-up ones
    :param binding: the driver that holds the functions after boot
    """

    model: DeviceModel
    count: int = 1
    vfs: int = 0
    macs: tuple[str, ...] = ()
    binding: Binding = Binding.KERNEL


@dataclass(frozen=True, slots=True)
class NumaNode:
    """A NUMA node with its CPUs, memory and the devices behind its expander bus.

    :param distances: (node, distance) for every node, itself with 10 included, ascending
    :param bus: the busNr of its expander bus; None leaves the choice to the layout
    """

    id: int
    cpus: frozenset[int]
    memory_mib: int
    distances: tuple[tuple[int, int], ...]
    huge_pages: tuple[HugePages, ...] = ()
    devices: tuple[DeviceGroup, ...] = ()
    bus: int | None = None


@dataclass(frozen=True, slots=True)
class Iommu:
    """The emulated IOMMU.

    :param model: None without one
    :param address_width_bits: QEMU's aw_bits
    """

    model: IommuModel | None = intel.MODEL
    interrupt_remapping: bool = True
    caching_mode: bool = True
    address_width_bits: int = 48


@dataclass(frozen=True, slots=True)
class Management:
    """The link over which the machine reaches the host by ssh; user-mode networking."""

    mac: str | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """An emulated host; ``devices`` are those on no node (Nova's numa_node -1)."""

    name: str
    cpus: CpuTopology
    nodes: tuple[NumaNode, ...]
    devices: tuple[DeviceGroup, ...] = ()
    machine: str = "q35"
    iommu: Iommu = field(default_factory=Iommu)
    management: Management = field(default_factory=Management)

    @property
    def memory_mib(self) -> int:
        """The memory of all nodes."""
        return sum(node.memory_mib for node in self.nodes)

    def groups(self) -> Iterator[tuple[int | None, DeviceGroup]]:
        """Every device group with its node, those on no node last."""
        for node in self.nodes:
            for group in node.devices:
                yield node.id, group
        for group in self.devices:
            yield None, group
