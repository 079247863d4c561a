# SPDX-License-Identifier: Apache-2.0
"""Loads from which a policy shows, and what hardware they need."""

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby

from vhost_tempest_plugin.cloud.deployment.requirement import HardwareRequirement, TestEnvironment
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import Placed, expectation
from vhost_tempest_plugin.nova.load import Load
from vhost_tempest_plugin.nova.pci_devices import DeviceKind
from vhost_tempest_plugin.nova.request import CpuPolicy, Request
from vhost_tempest_plugin.scenario.requests.node_capacity import NodeCapacity, capacities
from vhost_tempest_plugin.scenario.requests.server_requests import (
    NODE_MEMORY_MIB,
    by_node,
    nics,
    request,
)
from vhost_tempest_plugin.topology.layout import Layout

# Servers by rounds: those of one are placed before the next are asked for.
Plan = tuple[tuple[Request, ...], ...]


def out_of_reach(layout: Layout, kind: DeviceKind) -> Plan | None:
    """Servers that leave free devices, but none on a node with a free dedicated CPU.

    Some node has such a CPU then.  None where the hardware has no such load.
    """
    devices = {
        node: len(found) for node, found in by_node(layout, kind).items() if node is not None
    }
    free = _dedicated(layout)
    if any(count and node not in devices for node, count in free.items()):
        return _without_cpus(devices, free, kind)
    return _apart(devices, free, kind)


def reach_matters() -> HardwareRequirement:
    """A host with the load that ``out_of_reach`` describes."""

    def found(environment: TestEnvironment) -> int:
        return sum(
            any(out_of_reach(layout, kind) for kind in pci_devices.tracked([layout]))
            for layout in environment.layouts
        )

    return HardwareRequirement("a host whose dedicated CPUs and devices can be had apart", 1, found)


def placeable(words: str, make: Callable[[DeviceKind], Request]) -> HardwareRequirement:
    """A host that has a place for a server while it has no other."""

    def found(environment: TestEnvironment) -> int:
        return sum(
            isinstance(expectation(layout, make(pci_devices.tracked([layout])[0]), Load()), Placed)
            for layout in environment.layouts
            if pci_devices.tracked([layout])
        )

    return HardwareRequirement(f"a host with a place for {words}", 1, found)


def rounds(requests: Iterable[Request], size: Callable[[Request], int]) -> Plan:
    """The largest first, equal ones at once: those of one round have the same places."""
    ordered = sorted(requests, key=size, reverse=True)
    return tuple(tuple(equal) for _, equal in groupby(ordered, size))


def pages_apart(nodes: Iterable[NodeCapacity], kind: DeviceKind, size_kib: int) -> Plan | None:
    """Servers that leave devices on one node only, and free huge pages only on others.

    All nodes but the one with fewest devices lose theirs; that one keeps one, and loses its
    pages.  None where the hardware has no such load.
    """
    having = sorted((node for node in nodes if node.devices), key=lambda node: node.devices)
    if not having:
        return None
    last = [node for node in having if node.devices == having[0].devices]
    pages = {node.huge(size_kib) for node in last}
    page = pages.pop()
    others = [node for node in nodes if node not in last or len(last) > 1]
    enough = NODE_MEMORY_MIB * 1024 // size_kib
    if pages or not any(node.huge(size_kib) >= enough for node in others):
        return None
    taking = tuple(request(devices=nics(kind, node.devices)) for node in having[1:])
    plan = rounds(taking, lambda each: each.devices[0].count)
    if not page:
        return plan
    if having[0].devices < 2 or page * size_kib < NODE_MEMORY_MIB * 1024:
        return None
    memory_mib = page * size_kib // 1024
    return (*plan, (request(memory_mib=memory_mib, page_size=size_kib, devices=nics(kind)),))


def pages_apart_matters(size_kib: int) -> HardwareRequirement:
    """A host with the load that ``pages_apart`` describes."""

    def found(environment: TestEnvironment) -> int:
        return sum(
            pages_apart(capacities([layout], kind), kind, size_kib) is not None
            for layout in environment.layouts
            for kind in pci_devices.tracked([layout])
        )

    return HardwareRequirement(
        f"a host whose pages of {size_kib} KiB and devices can be had apart", 1, found
    )


def _without_cpus(
    devices: Mapping[int, int], free: Mapping[int, int], kind: DeviceKind
) -> Plan | None:
    """Each node with devices loses its dedicated CPUs, and one device with them.

    The servers with most CPUs are first, since they have the fewest places.
    """
    sizes = sorted((free[node] for node in devices if free[node]), reverse=True)
    if sum(devices.values()) <= len(sizes):
        return None
    return tuple(
        tuple(request(size, cpu_policy=CpuPolicy.DEDICATED, devices=nics(kind)) for size in equal)
        for _, equal in groupby(sizes)
    )


def _apart(devices: Mapping[int, int], free: Mapping[int, int], kind: DeviceKind) -> Plan | None:
    """One node loses its dedicated CPUs and all devices but one, the others all of theirs.

    It is the node with most of both, or one of several such; what the others lose it does not
    have any more.
    """
    lead = max(devices, key=lambda node: (free[node], devices[node]), default=None)
    if lead is None or devices[lead] < 2 or not free[lead]:
        return None
    first = request(
        free[lead], cpu_policy=CpuPolicy.DEDICATED, devices=nics(kind, devices[lead] - 1)
    )
    others = [count for node, count in devices.items() if node != lead]
    may_be = {
        (free[node], count)
        for node, count in devices.items()
        if free[node] >= free[lead] and count >= devices[lead] - 1
    }
    if len(may_be) > 1 or not all(count > 1 for count in others):
        return None
    if not any(count for node, count in free.items() if node != lead):
        return None
    return (first,), tuple(request(devices=nics(kind, count)) for count in others)


def _dedicated(layout: Layout) -> Mapping[int, int]:
    """How many dedicated CPUs each node has."""
    dedicated = pci_devices.cpu_sets(layout).dedicated
    return {node.id: len(node.cpus & dedicated) for node in layout.host.nodes}
