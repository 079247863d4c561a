# SPDX-License-Identifier: Apache-2.0
"""Hosts that differ from the topology that the tests get."""

from vhost_tempest_plugin.mutation.mutant import HostMutant
from vhost_tempest_plugin.topology import variants
from vhost_tempest_plugin.topology.layout import Device, Layout

_TESTS = r"EmulatedHostTest|RequiredTest\.test_(pinned_guest|devices_run_out|guest_has_all)"
_NODE = "/sys/bus/pci/devices/{}/numa_node"


def mutants() -> tuple[HostMutant, ...]:
    """All of them."""
    return (
        HostMutant(
            "nic-on-the-wrong-node",
            "the host says of a NIC that it is on another node",
            script=mislabel,
            tests=_TESTS,
        ),
        HostMutant(
            "nodes-swapped",
            "the NICs of two nodes are each other's",
            hardware=variants.exchanged,
            tests=_TESTS,
        ),
        HostMutant(
            "nic-missing",
            "a NIC is not there",
            hardware=_without_one,
            tests=_TESTS,
        ),
        HostMutant(
            "group-merged",
            "a NIC shares its IOMMU group with another device",
            companion=first,
            tests=_TESTS,
        ),
    )


def first(layout: Layout) -> Device:
    """The NIC that Nova gives away first: the last one of the node with most of them.

    :raises ValueError: no node has any
    """
    counts: dict[int, list[Device]] = {}
    for device in layout.devices:
        if device.node is not None:
            counts.setdefault(device.node, []).append(device)
    return max(counts.values(), key=len)[-1]


def mislabel(layout: Layout) -> str:
    """Say of every NIC of a node that it is on the next one; sysfs lets root do that.

    drivers/pci/pci-sysfs.c, ``numa_node_store``, for firmware that is wrong.
    """
    nodes = [node.id for node in layout.host.nodes]
    chosen = first(layout)
    others = [node for node in nodes if node != chosen.node]
    if not others:
        raise ValueError(f"{layout.host.name!r} has one node")
    return f"echo {others[0]} > {_NODE.format(chosen.address)}"


def _without_one(layout: Layout) -> Layout:
    node = first(layout).node
    return variants.without_last(layout, 0 if node is None else node)
