# SPDX-License-Identifier: Apache-2.0
"""What Nova prefers of what it may do.

nova/virt/hardware.py, ``numa_fit_instance_to_host``: where the host has more nodes than the
asked, nodes are tried in an order, and the first that will do are taken.
"""

from collections.abc import Mapping

from vhost_tempest_plugin.nova.expect.comparison import threads_taken
from vhost_tempest_plugin.nova.expect.constraints import resolve
from vhost_tempest_plugin.nova.expect.fit import threads_a_core
from vhost_tempest_plugin.nova.expect.host import HostNode, NovaHost, seen_by_nova
from vhost_tempest_plugin.nova.expect.limits import Limits
from vhost_tempest_plugin.nova.expect.observation import InstanceNode, Observation
from vhost_tempest_plugin.nova.expect.outcome import CellFit, Choice, Placed
from vhost_tempest_plugin.nova.load import Load
from vhost_tempest_plugin.nova.request import Request, ThreadPolicy
from vhost_tempest_plugin.topology.layout import Layout

_DEFAULT = Limits()


def order(
    layout: Layout,
    request: Request,
    load: Load,
    limits: Limits = _DEFAULT,
    memory_kib: Mapping[int, int] | None = None,
) -> tuple[int, ...]:
    """The host's nodes in the order in which Nova tries them.

    Those with most free devices first where devices are asked for, else last; of equal ones
    those with most CPUs, then most memory left, or with ``limits.pack`` with least.

    :raises ConflictError: the request contradicts itself
    """
    asked, host = resolve(request), seen_by_nova(layout, memory_kib)
    if len(host.nodes) <= len(asked.cells):
        return tuple(node.id for node in host.nodes)

    def rank(node: HostNode) -> tuple[int, int, int]:
        usage, pack = load.of(node.id), 1 if limits.pack else -1
        devices = _devices(host, node, load)
        cpus = len(node.dedicated - usage.pinned) if asked.pinned else -usage.floating_vcpus
        memory = node.memory_mib - usage.memory_mib
        return (-devices if asked.wants else devices, pack * cpus, pack * memory)

    return tuple(node.id for node in sorted(host.nodes, key=rank))


def ranked(
    expected: Placed,
    layout: Layout,
    request: Request,
    load: Load,
    limits: Limits = _DEFAULT,
    memory_kib: Mapping[int, int] | None = None,
) -> tuple[Choice, ...]:
    """The choices that Nova may come to, its favourite first.

    They end with the first that nothing can spoil.
    """
    places = order(layout, request, load, limits, memory_kib)
    choices = sorted(
        expected.choices, key=lambda choice: [places.index(node) for node in choice.nodes]
    )
    certain = next((i for i, choice in enumerate(choices) if choice.certain), len(choices))
    return tuple(choices[: certain + 1])


def departures(
    favourites: tuple[Choice, ...], expected: Placed, seen: Observation
) -> tuple[str, ...]:
    """The facts in which an instance that is where it may be differs from what Nova prefers."""
    nodes = tuple(node.node for node in seen.nodes)
    choice = next((choice for choice in favourites if choice.nodes == nodes), None)
    if choice is None:
        first = " or ".join(",".join(map(str, choice.nodes)) for choice in favourites)
        return (f"it is on {','.join(map(str, nodes))}, but Nova prefers {first}",)
    facts = []
    for cell, (cell_fit, node) in enumerate(zip(choice.cells, seen.nodes, strict=True)):
        if not _siblings(expected.thread_policy, cell_fit, node):
            facts.append(f"guest node {cell} is not on threads of as few cores as it could be")
        sizes = cell_fit.page_sizes_kib
        if sizes and node.page_size_kib not in (None, sizes[0]):
            facts.append(f"guest node {cell} has not the largest pages, of {sizes[0]} KiB")
    return tuple(facts)


def _devices(host: NovaHost, node: HostNode, load: Load) -> int:
    """How many devices of whatever kind are free on a node."""
    return sum(row.numa_node == node.id and row.address not in load.devices for row in host.devices)


def _siblings(policy: ThreadPolicy | None, cell_fit: CellFit, node: InstanceNode) -> bool:
    """Whether dedicated CPUs are on as many threads of each core as can be."""
    pins = frozenset(node.pins.values())
    ways = threads_a_core(cell_fit.cores, len(pins))
    if policy is ThreadPolicy.ISOLATE or not pins or not ways:
        return True
    return ways[0] in threads_taken(cell_fit.cores, pins)
