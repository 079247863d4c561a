# SPDX-License-Identifier: Apache-2.0
"""What a picture shows, before any of its forms: panels of cards, one for each NUMA node."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from vhost_tempest_plugin.topology import cpuset, hardware
from vhost_tempest_plugin.topology.drawing import differences as diff
from vhost_tempest_plugin.topology.drawing.differences import Difference, Fact, Mark, short
from vhost_tempest_plugin.topology.hardware import Cell, Cpu, Endpoint, Hardware, RootBus
from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class Text:
    """Words, and how they compare with the other panel's."""

    text: str
    mark: Mark = Mark.SAME

    @property
    def marked(self) -> str:
        """The words with the mark's symbol."""
        return f"{self.text} {self.mark.symbol}" if self.mark else self.text


@dataclass(frozen=True, slots=True)
class Nic:
    """A NIC function; *strays* names its NUMA node where that is not its bus's."""

    address: Text
    model: Text
    group: Text
    driver: Text
    strays: Text | None
    vfs: tuple["Nic", ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    """A root port with the NICs behind it; None for the NICs right on the root bus."""

    address: Text | None
    nics: tuple[Nic, ...]


@dataclass(frozen=True, slots=True)
class Bus:
    """A root bus with its ports."""

    title: Text
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True)
class Socket:
    """The CPUs that a NUMA node has of a socket, by core."""

    id: int
    cores: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A NUMA node, or, without CPUs and memory, what is on none."""

    title: Text
    cpus: Text | None
    memory: Text | None
    huge_pages: Text | None
    sockets: tuple[Socket, ...]
    buses: tuple[Bus, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A host; *distances* is a row for each node, of one entry for each node."""

    caption: str
    summary: str
    nodes: tuple[int, ...]
    distances: tuple[tuple[Text, ...], ...]
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of one host, or of what was intended beside what was observed."""

    title: str
    panels: tuple[Panel, ...]
    differences: tuple[Difference, ...] = ()


def draw(intended: Hardware, observed: Hardware | None = None, title: str = "") -> Drawing:
    """The picture of *intended*, beside *observed* if that differs.

    :param observed: what a running host has
    """
    if observed is None:
        return Drawing(title, (_Side(intended, {}).panel("intended"),))
    found = diff.differences(intended, observed)
    marks = diff.marks(found)
    if not found:
        return Drawing(title, (_Side(observed, {}).panel("observed, as intended"),))
    panels = (
        _Side(intended, marks).panel("intended"),
        _Side(observed, marks).panel("observed"),
    )
    return Drawing(title, panels, found)


class _Side:
    """One of the hosts compared, with what is on each bus."""

    def __init__(self, host: Hardware, marks: Mapping[Fact, Mark]) -> None:
        self._host = host
        self._marks = marks
        self._ports = {port.secondary_bus: port for port in host.ports}
        self._roots = host.root_buses
        if not any(root.bus == 0 for root in self._roots):
            self._roots = (RootBus(0, None), *self._roots)
        addresses = {endpoint.address for endpoint in host.endpoints}
        self._nics: list[Endpoint] = []
        self._functions: dict[PciAddress, list[Endpoint]] = {}
        for endpoint in host.endpoints:
            if endpoint.physical_function in addresses:
                self._functions.setdefault(endpoint.physical_function, []).append(endpoint)
            else:
                self._nics.append(endpoint)

    def panel(self, caption: str) -> Panel:
        host = self._host
        nodes = tuple(cell.id for cell in host.cells)
        cards = [self._node_card(cell) for cell in host.cells]
        known = set(nodes)
        homeless = [root for root in self._roots if root.node not in known]
        if any(self._bus(root).ports for root in homeless):
            buses = tuple(bus for bus in map(self._bus, homeless) if bus.ports)
            cards.append(Card(Text("no NUMA node"), None, None, None, (), buses))
        return Panel(
            caption,
            _summary(host),
            nodes,
            tuple(self._distances(cell, nodes) for cell in host.cells),
            tuple(cards),
        )

    def _text(self, text: str, thing: str, property_: str = "") -> Text:
        return Text(text, self._marks.get((thing, property_), Mark.SAME))

    def _distances(self, cell: Cell, nodes: tuple[int, ...]) -> tuple[Text, ...]:
        row = dict(cell.distances)
        return tuple(
            self._text(str(row.get(node, "?")), f"node {cell.id}", f"distance to {node}")
            for node in nodes
        )

    def _node_card(self, cell: Cell) -> Card:
        thing = f"node {cell.id}"
        cpus = sorted(
            (cpu for cpu in self._host.cpus if cpu.id in cell.cpus),
            key=lambda cpu: (cpu.socket, min(cpu.siblings), cpu.id),
        )
        return Card(
            title=self._text(f"NUMA node {cell.id}", thing),
            cpus=self._text(cpuset.format(cell.cpus) or "none", thing, "CPUs"),
            memory=self._text(f"{cell.memory_mib} MiB", thing, "memory"),
            huge_pages=self._text(diff.huge_pages(cell.huge_pages), thing, "huge pages"),
            sockets=tuple(
                Socket(
                    socket,
                    tuple(
                        tuple(self._cpu(cpu) for cpu in core)
                        for _, core in groupby(members, key=lambda cpu: min(cpu.siblings))
                    ),
                )
                for socket, members in groupby(cpus, key=lambda cpu: cpu.socket)
            ),
            buses=tuple(self._bus(root) for root in self._roots if root.node == cell.id),
        )

    def _cpu(self, cpu: Cpu) -> Text:
        thing = f"CPU {cpu.id}"
        properties = ("", "NUMA node", "socket", "threads of its core")
        found = (self._marks[thing, name] for name in properties if (thing, name) in self._marks)
        return Text(str(cpu.id), next(found, Mark.SAME))

    def _bus(self, root: RootBus) -> Bus:
        thing = f"bus {root.bus:02x}"
        mark = self._marks.get((thing, ""), self._marks.get((thing, "NUMA node"), Mark.SAME))
        kind = "expander bus" if root.bus else "pcie-root, bus"
        endpoints = [
            endpoint for endpoint in self._nics if self._root(endpoint.address) == root.bus
        ]
        ports = [
            Port(
                self._port(port),
                tuple(self._nic(e, root) for e in endpoints if e.address.bus == bus),
            )
            for bus, port in sorted(self._ports.items())
            if self._root(port.address) == root.bus
        ]
        right_on = tuple(self._nic(e, root) for e in endpoints if e.address.bus not in self._ports)
        if right_on:
            ports.insert(0, Port(None, right_on))
        return Bus(Text(f"{kind} {root.bus:02x}", mark), tuple(ports))

    def _port(self, port: hardware.Port) -> Text:
        thing = f"port {short(port.address)}"
        words = f"{short(port.address)} → {port.secondary_bus:02x}"
        exists = self._text(words, thing)
        return exists if exists.mark else self._text(words, thing, "bus behind it")

    def _root(self, address: PciAddress) -> int:
        """The root bus that a function is under, through all bridges that are known."""
        bus = address.bus
        for _ in self._ports:
            if bus not in self._ports:
                break
            bus = self._ports[bus].address.bus
        return max(root.bus for root in self._roots if root.bus <= bus)

    def _nic(self, endpoint: Endpoint, root: RootBus) -> Nic:
        thing = f"NIC {short(endpoint.address)}"
        vfs = tuple(self._nic(vf, root) for vf in self._functions.get(endpoint.address, ()))
        model = diff.model_name(endpoint.id)
        if endpoint.total_vfs:
            model += f", {len(vfs)} of {endpoint.total_vfs} VFs"
        stray = self._text(f"node {diff.node_name(endpoint.node)}", thing, "NUMA node")
        model_text = self._text(model, thing, "model")
        return Nic(
            address=self._text(short(endpoint.address), thing),
            model=model_text if model_text.mark else self._text(model, thing, "most VFs"),
            group=self._text(_group(endpoint), thing, "IOMMU group"),
            driver=self._text(endpoint.driver or "none", thing, "driver"),
            strays=stray if endpoint.node != root.node or stray.mark else None,
            vfs=vfs,
        )


def _group(endpoint: Endpoint) -> str:
    others = sorted(endpoint.group - {endpoint.address})
    if len(others) > 1:
        return f"with {short(others[0])} and {len(others) - 1} more"
    return diff.group(endpoint)


def _summary(host: Hardware) -> str:
    nics = sum(endpoint.physical_function is None for endpoint in host.endpoints)
    vfs = len(host.endpoints) - nics
    memory_mib = sum(cell.memory_mib for cell in host.cells)
    counted = [
        (len(host.cpus), "CPU"),
        (len(host.cells), "NUMA node"),
        (nics, "NIC"),
        *([(vfs, "virtual function")] if vfs else []),
    ]
    words = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counted]
    gib = memory_mib / 1024
    return ", ".join(
        [words[0], f"{gib:g} GiB" if gib == round(gib, 2) else f"{memory_mib} MiB", *words[1:]]
    )
