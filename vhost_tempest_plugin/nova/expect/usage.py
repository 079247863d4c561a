# SPDX-License-Identifier: Apache-2.0
"""The load of a host with one more instance.

nova/virt/hardware.py, ``numa_usage_from_instance_numa``.
"""

from vhost_tempest_plugin.nova.expect.constraints import InstanceCell, resolve
from vhost_tempest_plugin.nova.expect.host import SMALL_KIB
from vhost_tempest_plugin.nova.expect.observation import InstanceNode, Observation
from vhost_tempest_plugin.nova.load import Load, NodeLoad
from vhost_tempest_plugin.nova.request import EmulatorPolicy, Request

_KIB = 1024


def after(load: Load, request: Request, seen: Observation) -> Load:
    """The load with an instance of *request* that was seen.

    :raises ConflictError: the request contradicts itself
    """
    asked = resolve(request)
    devices = load.devices | seen.devices
    if not asked.cells:
        return Load(
            load.nodes, devices, load.vcpus + asked.vcpus, load.memory_mib + asked.memory_mib
        )
    isolated = asked.emulator_policy is EmulatorPolicy.ISOLATE
    nodes = dict(load.nodes)
    for number, (cell, node) in enumerate(zip(asked.cells, seen.nodes, strict=True)):
        reserved = (seen.emulator or frozenset()) if isolated and number == 0 else frozenset()
        nodes[node.node] = _node_after(load.of(node.node), cell, node, reserved)
    return Load(nodes, devices, load.vcpus, load.memory_mib)


def _node_after(
    load: NodeLoad, cell: InstanceCell, node: InstanceNode, reserved: frozenset[int]
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
