# SPDX-License-Identifier: Apache-2.0
"""The load of a host with one more guest.

nova/virt/hardware.py, ``numa_usage_from_instance_numa``.
"""

from vhost_tempest_plugin.nova.expect.guest import GuestCell, resolve
from vhost_tempest_plugin.nova.expect.host import SMALL_KIB
from vhost_tempest_plugin.nova.expect.observation import GuestNode, Observation
from vhost_tempest_plugin.nova.load import Load, NodeLoad
from vhost_tempest_plugin.nova.request import EmulatorPolicy, Request

_KIB = 1024


def after(load: Load, request: Request, seen: Observation) -> Load:
    """The load with a guest of *request* that was seen.

    :raises ConflictError: the request contradicts itself
    """
    guest = resolve(request)
    devices = load.devices | seen.devices
    if not guest.cells:
        return Load(
            load.nodes, devices, load.vcpus + guest.vcpus, load.memory_mib + guest.memory_mib
        )
    isolated = guest.emulator_policy is EmulatorPolicy.ISOLATE
    nodes = dict(load.nodes)
    for number, (cell, node) in enumerate(zip(guest.cells, seen.nodes, strict=True)):
        reserved = (seen.emulator or frozenset()) if isolated and number == 0 else frozenset()
        nodes[node.node] = _node_after(load.of(node.node), cell, node, reserved)
    return Load(nodes, devices, load.vcpus, load.memory_mib)


def _node_after(
    load: NodeLoad, cell: GuestCell, node: GuestNode, reserved: frozenset[int]
) -> NodeLoad:
    # On small pages where the request does not care and nobody looked.
    size_kib = node.page_size_kib or SMALL_KIB
    pages = dict(load.pages)
    pages[size_kib] = pages.get(size_kib, 0) + cell.memory_mib * _KIB // size_kib
    return NodeLoad(
        pinned=load.pinned | frozenset(node.pins.values()) | reserved,
        floating_vcpus=load.floating_vcpus + len(cell.floating),
        memory_mib=load.memory_mib + cell.memory_mib,
        pages=tuple(sorted(pages.items())),
    )
