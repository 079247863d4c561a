# SPDX-License-Identifier: Apache-2.0
"""The numbers of the PCI buses.

The firmware numbers buses depth first: the root ports on pcie.0 get 1, 2, ...; the root
ports of an expander bus B get B + 1, B + 2, ... (SeaBIOS, src/fw/pciinit.c,
pci_bios_init_bus).  So each root bus holds an unbroken run of numbers.
"""

from collections.abc import Iterable, Iterator

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology.model import DeviceGroup, Host
from vhost_tempest_plugin.topology.pci import LAST_BUS

# (first bus, distance) of evenly spread expander buses: the article's, then one that holds
# more of them.  Both leave room to add NICs without renumbering the other nodes.
_SPREADS = ((180, 20), (20, 20))


def count(groups: Iterable[DeviceGroup]) -> int:
    """How many NICs there are, each of which has a root port and a bus."""
    return sum(group.count for group in groups)


def assign(host: Host) -> dict[int, int]:
    """The bus number of the expander bus of each node that has devices, by node id.

    :raises TopologyError: they collide, or do not fit in buses 0 to 255
    """
    needs = {node.id: 1 + count(node.devices) for node in host.nodes if node.devices}
    taken = _Runs()
    taken.add(0, count(host.devices), "pcie-root and its root ports", ("devices",))
    for index, node in enumerate(host.nodes):
        if node.id in needs and node.bus is not None:
            last = node.bus + needs[node.id] - 1
            taken.add(node.bus, last, f"node {node.id}", ("nodes", index, "bus"))
    given = {node.id: node.bus for node in host.nodes if node.id in needs and node.bus is not None}
    wanted = {node: need for node, need in needs.items() if node not in given}
    return dict(sorted((given | _choose(wanted, taken)).items()))


class _Runs:
    """The runs of bus numbers in use, each with its owner."""

    def __init__(self) -> None:
        self._owner: dict[int, str] = {}
        self._length: dict[str, tuple[int, int]] = {}

    def add(self, first: int, last: int, owner: str, key: tuple[str | int, ...]) -> None:
        if last > LAST_BUS:
            raise TopologyError(
                f"{owner} needs buses {first} to {last} ({last - first} root ports), the last "
                f"is {LAST_BUS}",
                key,
                hint=f"choose a bus of at most {LAST_BUS - (last - first)}",
            )
        for bus in range(first, last + 1):
            if bus in self._owner:
                other = self._owner[bus]
                begin, end = self._length[other]
                raise TopologyError(
                    f"buses {first} to {last} of {owner} collide with buses {begin} to {end} "
                    f"of {other}",
                    key,
                    hint="choose another bus, or none to have it chosen",
                )
        self._owner.update(dict.fromkeys(range(first, last + 1), owner))
        self._length[owner] = (first, last)

    def gaps(self) -> Iterator[tuple[int, int]]:
        """(first, length) of what is free, ascending."""
        begin = None
        for bus in range(LAST_BUS + 2):
            free = bus <= LAST_BUS and bus not in self._owner
            if free and begin is None:
                begin = bus
            elif not free and begin is not None:
                yield begin, bus - begin
                begin = None


def _choose(wanted: dict[int, int], taken: _Runs) -> dict[int, int]:
    gaps = list(taken.gaps())
    for first, distance in _SPREADS:
        chosen = {node: first + distance * i for i, node in enumerate(wanted)}
        if all(
            need <= distance and _within(chosen[node], need, gaps) for node, need in wanted.items()
        ):
            return chosen
    largest_first = sorted(wanted, key=lambda node: -wanted[node])
    for order in (list(wanted), largest_first):
        packed = _pack([(node, wanted[node]) for node in order], gaps)
        if packed is not None:
            return packed
    free = ", ".join(f"{first} to {first + length - 1}" for first, length in gaps) or "none"
    raise TopologyError(
        f"the expander buses of nodes {', '.join(map(str, wanted))} need "
        f"{' + '.join(str(need) for need in wanted.values())} buses (one each, and one for each "
        f"NIC), free of 0 to {LAST_BUS} are {free}",
        ("nodes",),
        hint="use fewer devices or leave out 'bus'",
    )


def _within(first: int, need: int, gaps: list[tuple[int, int]]) -> bool:
    return any(begin <= first and first + need <= begin + length for begin, length in gaps)


def _pack(wanted: list[tuple[int, int]], gaps: list[tuple[int, int]]) -> dict[int, int] | None:
    """First fit: where each node's run begins, None where one fits nowhere."""
    free = [list(gap) for gap in gaps]
    chosen: dict[int, int] = {}
    for node, need in wanted:
        gap = next((gap for gap in free if gap[1] >= need), None)
        if gap is None:
            return None
        chosen[node] = gap[0]
        gap[0] += need
        gap[1] -= need
    return chosen
