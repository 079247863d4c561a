# SPDX-License-Identifier: Apache-2.0
"""What the nodes of hosts have for servers, by numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vhost_tempest_plugin.nova.expect.host import seen_by_nova
from vhost_tempest_plugin.nova.pci_devices import DeviceKind
from vhost_tempest_plugin.scenario.requests.server_requests import by_node
from vhost_tempest_plugin.topology.layout import Layout

# Of a node's memory; a server with more may fit by Nova's accounting and not into the node, where
# its own system and QEMU take some 300 MiB, and all that a server with a device has is locked.
_ROOM = 0.7


@dataclass(frozen=True, slots=True)
class NodeCapacity:
    """A host's node without servers.

    :param devices: of the kind that is asked for
    :param shared: CPUs that servers float over
    :param dedicated: CPUs that servers are pinned to
    :param pages: (size in KiB, how many) of its huge pages
    """

    node: int
    devices: int
    shared: int
    dedicated: int
    memory_mib: int
    pages: tuple[tuple[int, int], ...]

    def huge(self, size_kib: int) -> int:
        """How many huge pages of a size it has."""
        return dict(self.pages).get(size_kib, 0)


def capacities(layouts: Iterable[Layout], kind: DeviceKind) -> tuple[NodeCapacity, ...]:
    """All nodes of all hosts that have CPUs."""
    found = []
    for layout in layouts:
        devices = by_node(layout, kind)
        found += [
            NodeCapacity(
                node=node.id,
                devices=len(devices.get(node.id, ())),
                shared=len(node.shared),
                dedicated=len(node.dedicated),
                memory_mib=node.memory_mib,
                pages=node.pages[1:],
            )
            for node in seen_by_nova(layout).nodes
            if node.shared
        ]
    return tuple(found)


def more_than_half(memories_mib: Sequence[int]) -> int:
    """A server's memory, more than half of each of these, in MiB.

    Where there is such a size, each of them either cannot hold one such server or has room beside.
    """
    most = max(memories_mib)
    sizes = [most * part // 32 for part in (20, 19, 18, 17, 21, 22, 23, 24)]
    fitting = (
        size
        for size in sizes
        if all(size > memory or size <= memory * _ROOM for memory in memories_mib)
    )
    return next(fitting, sizes[0])
