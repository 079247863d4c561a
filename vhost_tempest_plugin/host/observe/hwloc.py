# SPDX-License-Identifier: Apache-2.0
"""hwloc's view of a host: the XML of ``lstopo`` (hwloc 2) to Hardware.

hwloc reports nothing about IOMMU groups, drivers and which function a virtual one belongs to.
It hangs a bus on what has the same CPUs: on the machine what is on no node, on a node
without CPUs, and on a node that has all of them.  ``as_reported`` takes as much from what was
intended, so that the two can be compared.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from lxml import etree

from vhost_tempest_plugin.host.observe.sysfs import convert, unreadable
from vhost_tempest_plugin.hypervisor import xml_text
from vhost_tempest_plugin.topology import devices
from vhost_tempest_plugin.topology.hardware import (
    Cell,
    Cpu,
    Endpoint,
    Hardware,
    Port,
    RootBus,
)
from vhost_tempest_plugin.topology.layout import is_own
from vhost_tempest_plugin.topology.model import HugePages
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

COMMAND = ("lstopo-no-graphics", "--of", "xml", "--filter", "io:all", "--no-caches")

_CLASSES = {f"{model.class_code:04x}" for model in devices.MODELS.values()}
_PCI_TYPE = re.compile(r"([0-9a-f]{4}) \[([0-9a-f]{4}:[0-9a-f]{4})\] .*", re.DOTALL)
_BUSES = re.compile(r"[0-9a-f]{4,8}:\[([0-9a-f]{2})-[0-9a-f]{2}\]")
_NORMAL_PAGE_KIB = 4
_MIB = 1 << 20


def read(xml: str) -> Hardware:
    """What the output of COMMAND reports.

    :raises HostError: it has no known form
    """
    try:
        root = xml_text.parse(xml)
    except ValueError:
        raise unreadable("XML of hwloc", xml[-200:]) from None
    if root.tag != "topology" or not root.get("version", "").startswith("2."):
        raise unreadable("XML of hwloc 2", xml[:200])
    bridges = list(root.iterfind(".//object[@type='Bridge']"))
    return Hardware(
        cpus=tuple(sorted(map(_cpu, root.iterfind(".//object[@type='PU']")))),
        cells=_cells(root),
        root_buses=tuple(sorted(_root_bus(b) for b in bridges if b.get("bridge_type") == "0-1")),
        ports=tuple(sorted(_port(b) for b in bridges if b.get("bridge_type") == "1-1")),
        endpoints=tuple(sorted(_endpoints(root), key=lambda endpoint: endpoint.address)),
    )


def as_reported(hardware: Hardware) -> Hardware:
    """What hwloc can report of *hardware*, by the rules above."""
    everything = frozenset(cpu.id for cpu in hardware.cpus)
    local = {cell.id for cell in hardware.cells if cell.cpus and cell.cpus != everything}
    return replace(
        hardware,
        cells=tuple(
            replace(cell, huge_pages=tuple(page for page in cell.huge_pages if page.count))
            for cell in hardware.cells
        ),
        root_buses=tuple(
            replace(root, node=root.node if root.node in local else None)
            for root in hardware.root_buses
        ),
        endpoints=tuple(
            Endpoint(
                endpoint.address, endpoint.id, endpoint.node if endpoint.node in local else None
            )
            for endpoint in hardware.endpoints
        ),
    )


def completed(reported: Hardware, by_kernel: Hardware) -> Hardware:
    """What hwloc reported, and what only the kernel reports: groups, drivers, functions."""
    known = {endpoint.address: endpoint for endpoint in by_kernel.endpoints}
    return replace(
        reported,
        endpoints=tuple(
            replace(known.get(endpoint.address, endpoint), node=endpoint.node)
            for endpoint in reported.endpoints
        ),
    )


def _attribute(element: etree._Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise unreadable(f"XML of hwloc (no {name})", str(element.attrib))
    return value


def _bits(mask: str) -> frozenset[int]:
    """Hwloc writes ``0x00000001,0x0000000f``, highest bits first."""
    number = 0
    for word in mask.split(","):
        number = number << 32 | int(word or "0", 16)
    return frozenset(bit for bit in range(number.bit_length()) if number >> bit & 1)


def _set(element: etree._Element, name: str) -> frozenset[int]:
    return convert("set of hwloc", _attribute(element, name), _bits)


def _number(element: etree._Element, name: str) -> int:
    return convert(f"{name} of hwloc", _attribute(element, name), int)


def _above(element: etree._Element, type_: str) -> etree._Element | None:
    return next(
        (above for above in element.iterancestors("object") if above.get("type") == type_), None
    )


def _cpu(unit: etree._Element) -> Cpu:
    package, core = _above(unit, "Package"), _above(unit, "Core")
    return Cpu(
        id=_number(unit, "os_index"),
        socket=0 if package is None else _number(package, "os_index"),
        siblings=_set(unit if core is None else core, "cpuset"),
    )


def _cells(root: etree._Element) -> tuple[Cell, ...]:
    nodes = {_number(n, "os_index"): n for n in root.iterfind(".//object[@type='NUMANode']")}
    distances = _distances(root)
    return tuple(
        Cell(
            id=node,
            cpus=_set(nodes[node], "cpuset"),
            memory_mib=_number(nodes[node], "local_memory") // _MIB,
            distances=tuple((to, distances.get((node, to), 10)) for to in sorted(nodes)),
            huge_pages=tuple(sorted(_huge_pages(nodes[node]))),
        )
        for node in sorted(nodes)
    )


def _huge_pages(node: etree._Element) -> Iterator[HugePages]:
    for pages in node.iterfind("page_type"):
        size_kib, count = _number(pages, "size") // 1024, _number(pages, "count")
        if size_kib > _NORMAL_PAGE_KIB and count:
            yield HugePages(size_kib, count)


def _distances(root: etree._Element) -> dict[tuple[int, int], int]:
    """Every pair's distance; hwloc has none where there is one node."""
    matrix = root.find("distances2[@name='NUMALatency']")
    if matrix is None:
        return {}

    def numbers(tag: str) -> list[int]:
        words = " ".join(element.text or "" for element in matrix.iterfind(tag)).split()
        return [convert("distance of hwloc", word, int) for word in words]

    nodes, values = numbers("indexes"), numbers("u64values")
    if len(values) != len(nodes) ** 2:
        raise unreadable("matrix of distances of hwloc", str(values))
    pairs = ((a, b) for a in nodes for b in nodes)
    return dict(zip(pairs, values, strict=True))


def _node(element: etree._Element) -> int | None:
    """The node that the I/O object is attached to, None if that is the machine."""
    for above in element.iterancestors("object"):
        if above.get("type") == "Machine":
            return None
        if above.get("nodeset") is not None:
            nodes = _set(above, "nodeset")
            return min(nodes) if len(nodes) == 1 else None
    return None


def _root_bus(bridge: etree._Element) -> RootBus:
    return RootBus(_secondary(bridge), _node(bridge))


def _port(bridge: etree._Element) -> Port:
    return Port(_address(bridge), _secondary(bridge))


def _secondary(bridge: etree._Element) -> int:
    buses = _attribute(bridge, "bridge_pci")
    match = _BUSES.fullmatch(buses)
    if match is None:
        raise unreadable("buses of a bridge of hwloc", buses)
    return int(match[1], 16)


def _address(element: etree._Element) -> PciAddress:
    return convert("PCI address", _attribute(element, "pci_busid"), PciAddress.parse)


def _endpoints(root: etree._Element) -> Iterator[Endpoint]:
    for device in root.iterfind(".//object[@type='PCIDev']"):
        kind = _attribute(device, "pci_type")
        match = _PCI_TYPE.fullmatch(kind)
        if match is None:
            raise unreadable("PCI device of hwloc", kind)
        address = _address(device)
        identity = convert("PCI id", match[2], PciId.parse)
        if match[1] in _CLASSES and not is_own(address, identity):
            yield Endpoint(address, identity, _node(device))
