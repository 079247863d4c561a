# SPDX-License-Identifier: Apache-2.0
"""What libvirt inside a host says about it: capabilities, node devices and networks."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lxml import etree

from vhost_tempest_plugin.host.observe.sysfs import convert, unreadable
from vhost_tempest_plugin.hypervisor import xml_text
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

# virsh prints the outermost element of each document on lines of its own.
_ROOTS = ("capabilities", "device")
_NETWORK = re.compile(r"^ *(\S+) +(active|inactive) +(yes|no) +(yes|no) *$", re.MULTILINE)


@dataclass(frozen=True, order=True, slots=True)
class LibvirtCell:
    """A NUMA node as ``virsh capabilities`` shows it; distances are (node, distance)."""

    id: int
    cpus: frozenset[int]
    memory_kib: int
    distances: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class NodeDevice:
    """A function as ``virsh nodedev-dumpxml`` shows it; without an IOMMU it has no group."""

    id: PciId
    node: int | None
    group: int | None


@dataclass(frozen=True, slots=True)
class Network:
    """A line of ``virsh net-list --all``."""

    active: bool
    autostart: bool


@dataclass(frozen=True, slots=True)
class LibvirtView:
    """All of it; a device or network that libvirt does not know is missing."""

    cells: tuple[LibvirtCell, ...]
    devices: dict[PciAddress, NodeDevice]
    networks: dict[str, Network]


def argv(addresses: Iterable[PciAddress]) -> list[str]:
    """The command whose output ``read`` takes; it runs on where it finds no such device."""
    commands = ["capabilities", "net-list --all", *map(_dump, addresses)]
    return ["env", "LC_ALL=C", "virsh", "-c", "qemu:///system", "; ".join(commands)]


def read(text: str) -> LibvirtView:
    """Read what the command of ``argv`` printed.

    :raises HostError: something in it has no known form
    """
    roots = [_root(document) for document in _documents(text)]
    if not any(root.tag == "capabilities" for root in roots):
        raise unreadable("output of virsh (no capabilities in it)", text[-200:])
    return LibvirtView(
        cells=tuple(
            sorted(_cell(cell) for root in roots for cell in root.findall("host/topology//cell"))
        ),
        devices=dict(_device(root) for root in roots if root.tag == "device"),
        networks={
            match[1]: Network(match[2] == "active", match[3] == "yes")
            for match in _NETWORK.finditer(text)
        },
    )


def _documents(text: str) -> Iterator[str]:
    """Each XML document in what virsh printed; one that does not end is none."""
    lines: list[str] = []
    end = ""
    for line in text.splitlines():
        root = line.removeprefix("<").removesuffix(">")
        if line.startswith("<") and root in _ROOTS:
            lines, end = [], f"</{root}>"
        if end:
            lines.append(line)
        if end and line == end:
            yield "\n".join(lines)
            end = ""


def _dump(address: PciAddress) -> str:
    return f"nodedev-dumpxml pci_{re.sub('[:.]', '_', str(address))}"


def _root(text: str) -> etree._Element:
    try:
        return xml_text.parse(text)
    except ValueError:
        raise unreadable("XML of libvirt", text) from None


def _text(root: etree._Element, path: str) -> str:
    """The text at *path*, or with ``@`` the value of an attribute there."""
    place, _, name = path.partition("@")
    found = root.find(place.rstrip("/")) if place else root
    text = None if found is None else found.get(name) if name else found.text
    if text is None:
        raise unreadable(f"XML of libvirt (no {path})", etree.tostring(root, encoding=str))
    return text


def _integer(root: etree._Element, path: str) -> int:
    return convert(f"XML of libvirt ({path})", _text(root, path), int)


def _optional(root: etree._Element, place: str, name: str) -> int | None:
    return None if root.find(place) is None else _integer(root, f"{place}/@{name}")


def _cell(cell: etree._Element) -> LibvirtCell:
    if _text(cell, "memory/@unit") != "KiB":
        raise unreadable("XML of libvirt (unit of memory)", _text(cell, "memory/@unit"))
    return LibvirtCell(
        _integer(cell, "@id"),
        frozenset(_integer(cpu, "@id") for cpu in cell.findall("cpus/cpu")),
        _integer(cell, "memory"),
        tuple(
            sorted(
                (_integer(sibling, "@id"), _integer(sibling, "@value"))
                for sibling in cell.findall("distances/sibling")
            )
        ),
    )


def _device(root: etree._Element) -> tuple[PciAddress, NodeDevice]:
    pci = root.find("capability[@type='pci']")
    if pci is None:
        raise unreadable("XML of libvirt (no PCI capability)", etree.tostring(root, encoding=str))
    address = PciAddress(*(_integer(pci, name) for name in ("bus", "slot", "function", "domain")))
    identity = f"{_text(pci, 'vendor/@id')}:{_text(pci, 'product/@id')}"
    return address, NodeDevice(
        convert("PCI id in libvirt", identity, PciId.parse),
        _optional(pci, "numa", "node"),
        _optional(pci, "iommuGroup", "number"),
    )
