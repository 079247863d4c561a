# SPDX-License-Identifier: Apache-2.0
"""The hardware of a host as its own operating system numbers it.

The same types hold what the layout promises and what was observed, so that a check
compares values.
"""

from dataclasses import dataclass
from enum import StrEnum

from vhost_tempest_plugin.topology.model import HugePages
from vhost_tempest_plugin.topology.pci import PciAddress, PciId


class ControllerKind(StrEnum):
    """A PCI controller; the names are libvirt's controller models."""

    PCIE_ROOT = "pcie-root"
    PCIE_EXPANDER_BUS = "pcie-expander-bus"
    PCIE_ROOT_PORT = "pcie-root-port"
    PCIE_SWITCH_UPSTREAM_PORT = "pcie-switch-upstream-port"
    PCIE_SWITCH_DOWNSTREAM_PORT = "pcie-switch-downstream-port"


@dataclass(frozen=True, order=True, slots=True)
class Cpu:
    """A logical CPU: its socket, and the threads of its core, itself included."""

    id: int
    socket: int
    siblings: frozenset[int]


@dataclass(frozen=True, order=True, slots=True)
class Cell:
    """A NUMA node (libvirt's word is cell).

    :param memory_mib: all its memory, what the kernel keeps for itself included
    :param distances: (node, distance) ascending by node
    """

    id: int
    cpus: frozenset[int]
    memory_mib: int
    distances: tuple[tuple[int, int], ...]
    huge_pages: tuple[HugePages, ...] = ()


@dataclass(frozen=True, order=True, slots=True)
class RootBus:
    """A host bridge: pcie-root is bus 0, each expander bus another; node None is Linux's -1."""

    bus: int
    node: int | None


@dataclass(frozen=True, order=True, slots=True)
class Port:
    """A PCI-PCI bridge: at *address*, with *secondary_bus* behind it."""

    address: PciAddress
    secondary_bus: int


@dataclass(frozen=True, order=True, slots=True)
class Endpoint:
    """A function of a device for guests.

    :param node: its NUMA node, None where Linux says -1
    :param group: all members of its IOMMU group, itself included; empty without an IOMMU
    :param driver: the kernel driver that holds it
    :param total_vfs: sriov_totalvfs, 0 without SR-IOV
    :param physical_function: for a virtual function, the address of its physical one
    """

    address: PciAddress
    id: PciId
    node: int | None
    group: frozenset[PciAddress] = frozenset()
    driver: str | None = None
    total_vfs: int = 0
    physical_function: PciAddress | None = None


@dataclass(frozen=True, slots=True)
class Hardware:
    """All of it; every tuple ascending."""

    cpus: tuple[Cpu, ...]
    cells: tuple[Cell, ...]
    root_buses: tuple[RootBus, ...]
    ports: tuple[Port, ...]
    endpoints: tuple[Endpoint, ...]
