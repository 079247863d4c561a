# SPDX-License-Identifier: Apache-2.0
"""Requests as scenarios make them: short, and small enough for emulated hosts."""

from typing import Any

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, NumaPolicy
from vhost_tempest_plugin.nova.request import DeviceRequest, Request
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

# What the nested server boots with; less and its kernel finds no room for its initramfs.
NODE_MEMORY_MIB = 128


def request(vcpus: int | None = None, nodes: int | None = 1, **words: Any) -> Request:
    """A server of that many NUMA nodes with a CPU and 128 MiB for each, or as *words* say."""
    count = nodes or 1
    words.setdefault("memory_mib", NODE_MEMORY_MIB * count)
    return Request(vcpus=vcpus or count, nodes=nodes, **words)


def nics(
    kind: DeviceKind, count: int = 1, policy: NumaPolicy = NumaPolicy.REQUIRED
) -> tuple[DeviceRequest, ...]:
    """That many devices of a kind, through the alias with that policy."""
    return (DeviceRequest(kind, count, policy),)


def by_node(layout: Layout, kind: DeviceKind) -> dict[int | None, tuple[PciAddress, ...]]:
    """The devices of a kind on each NUMA node that has any; None for those on no node."""
    found: dict[int | None, tuple[PciAddress, ...]] = {}
    for row in pci_devices.rows(layout, kind):
        found[row.numa_node] = (*found.get(row.numa_node, ()), row.address)
    return found
