# SPDX-License-Identifier: Apache-2.0
"""Which devices an instance on given nodes may get.

nova/pci/stats.py, ``_filter_pools_for_numa_cells`` and ``consume_requests``.  Each alias is
served by itself, in the flavor's order, from the nearest devices that are enough of them;
which of these it takes depends on the order of Nova's list, which depends on its history, and
is left open here.
"""

from collections.abc import Iterable, Iterator

from vhost_tempest_plugin.nova.expect.constraints import DeviceWant
from vhost_tempest_plugin.nova.expect.host import NovaHost
from vhost_tempest_plugin.nova.expect.outcome import DevicePools
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, NumaPolicy, PciDeviceRow
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

# How many there are, or are taken: on the instance's nodes, elsewhere in their sockets, on no
# node, far away.
Counts = tuple[int, int, int, int]
_NONE: Counts = (0, 0, 0, 0)
_NEAR, _SOCKET, _NO_NODE, _FAR = range(4)


def free(host: NovaHost, kind: DeviceKind, taken: frozenset[PciAddress]) -> list[PciDeviceRow]:
    """The devices of a kind that no instance has."""
    return [
        row
        for row in host.devices
        if PciId.parse(f"{row.vendor_id}:{row.product_id}") == kind.id
        and row.dev_type is kind.dev_type
        and row.address not in taken
    ]


def pools(
    host: NovaHost,
    wants: Iterable[DeviceWant],
    taken: frozenset[PciAddress],
    nodes: frozenset[int] | None,
) -> tuple[DevicePools, ...] | None:
    """What an instance may get of each kind that it wants, None where there is no way.

    :param nodes: the host's nodes that it is on, None for an instance without NUMA nodes: then
        policies mean nothing, and every device counts as near
    """
    by_kind: dict[DeviceKind, list[DeviceWant]] = {}
    for want in wants:
        by_kind.setdefault(want.kind, []).append(want)
    found = [
        _pools(kind, some, _groups(host, free(host, kind, taken), nodes))
        for kind, some in by_kind.items()
    ]
    return tuple(found) if all(each.takes for each in found) else None


def _groups(
    host: NovaHost, rows: Iterable[PciDeviceRow], nodes: frozenset[int] | None
) -> tuple[frozenset[PciAddress], ...]:
    if nodes is None:
        return (frozenset(row.address for row in rows), *[frozenset[PciAddress]()] * 3)
    groups: tuple[set[PciAddress], ...] = (set(), set(), set(), set())
    near = host.near(nodes)
    for row in rows:
        if row.numa_node in nodes:
            place = _NEAR
        elif row.numa_node is None:
            place = _NO_NODE
        elif near is not None and row.numa_node in near:
            place = _SOCKET
        else:
            place = _FAR
        groups[place].add(row.address)
    return tuple(frozenset(group) for group in groups)


def _pools(
    kind: DeviceKind, wants: list[DeviceWant], groups: tuple[frozenset[PciAddress], ...]
) -> DevicePools:
    near, socket, no_node, far = (len(group) for group in groups)
    there: Counts = (near, socket, no_node, far)
    reached, certain = {_NONE}, True
    for want in wants:
        following: set[Counts] = set()
        for taken in reached:
            ways = [_sum(taken, take) for take in _takes(want, _minus(there, taken))]
            certain &= bool(ways)
            following.update(ways)
        reached = following
    return DevicePools(kind, groups, frozenset(reached), certain)


def _takes(want: DeviceWant, there: Counts) -> Iterator[Counts]:
    """The ways to serve one alias."""
    policy, count = want.policy, want.count
    if policy is NumaPolicy.REQUIRED or count <= there[_NEAR]:
        yield from _draws(count, there, (_NEAR,))
    elif policy is NumaPolicy.SOCKET:
        yield from _draws(count, there, (_NEAR, _SOCKET))
    elif policy is NumaPolicy.LEGACY or count <= there[_NEAR] + there[_NO_NODE]:
        yield from _draws(count, there, (_NEAR, _NO_NODE))
    else:
        first: Counts = (there[_NEAR], 0, there[_NO_NODE], 0)
        for take in _draws(count - sum(first), there, (_SOCKET, _FAR)):
            yield _sum(first, take)


def _draws(count: int, there: Counts, places: tuple[int, ...]) -> Iterator[Counts]:
    """All ways to take that many from at most two places."""
    one, other = places[0], places[-1]
    if one == other:
        if count <= there[one]:
            yield _at({one: count})
        return
    for number in range(max(0, count - there[other]), min(count, there[one]) + 1):
        yield _at({one: number, other: count - number})


def _at(counts: dict[int, int]) -> Counts:
    near, socket, no_node, far = (counts.get(place, 0) for place in range(4))
    return near, socket, no_node, far


def _sum(one: Counts, other: Counts) -> Counts:
    a, b, c, d = (x + y for x, y in zip(one, other, strict=True))
    return a, b, c, d


def _minus(one: Counts, other: Counts) -> Counts:
    a, b, c, d = (x - y for x, y in zip(one, other, strict=True))
    return a, b, c, d
