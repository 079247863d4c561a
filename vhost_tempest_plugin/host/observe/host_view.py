# SPDX-License-Identifier: Apache-2.0
"""What a compute host itself says of its guests and devices."""

from collections.abc import Mapping
from dataclasses import dataclass

from vhost_tempest_plugin.hypervisor.domain import GuestDomain
from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class HostDevice:
    """A PCI function, by sysfs.

    :param node: its NUMA node, None where the kernel says -1
    :param driver: the kernel driver that holds it
    :param group: the number of its IOMMU group, None without one
    :param holders: who has /dev/vfio/<group> open: the uuids of guests, or what else it is
    """

    address: PciAddress
    node: int | None
    driver: str | None
    group: int | None
    holders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HostView:
    """All of it at one moment.

    :param memory_kib: what the kernel of the host manages of each node (MemTotal)
    :param domains: libvirt's, by Nova's uuid of the guest
    """

    devices: Mapping[PciAddress, HostDevice]
    memory_kib: Mapping[int, int]
    domains: Mapping[str, GuestDomain]
