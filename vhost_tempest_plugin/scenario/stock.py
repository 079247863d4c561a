# SPDX-License-Identifier: Apache-2.0
"""What the nodes of hosts have for guests, by numbers."""

from collections.abc import Iterable
from dataclasses import dataclass

from vhost_tempest_plugin.expect.host import seen_by_nova
from vhost_tempest_plugin.layout import Layout
from vhost_tempest_plugin.novaconf import DeviceKind
from vhost_tempest_plugin.scenario.wishes import by_node


@dataclass(frozen=True, slots=True)
class Stock:
    """A host's node without guests.

    :param devices: of the kind that is asked for
    :param shared: CPUs that guests float over
    :param dedicated: CPUs that guests are pinned to
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


def stocks(layouts: Iterable[Layout], kind: DeviceKind) -> tuple[Stock, ...]:
    """All nodes of all hosts that have CPUs."""
    found = []
    for layout in layouts:
        devices = by_node(layout, kind)
        found += [
            Stock(
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
