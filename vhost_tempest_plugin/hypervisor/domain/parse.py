# SPDX-License-Identifier: Apache-2.0
"""Domain XML, as rendered or as libvirt reports it for a running domain, to a layout."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

from lxml import etree

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.hypervisor import xml_text
from vhost_tempest_plugin.hypervisor.domain import metadata
from vhost_tempest_plugin.hypervisor.domain.management import ManagementNic
from vhost_tempest_plugin.hypervisor.domain.metadata import GroupNote, HostNote, NodeNote
from vhost_tempest_plugin.topology import cpuset, devices, iommus
from vhost_tempest_plugin.topology.hardware import ControllerKind
from vhost_tempest_plugin.topology.layout import Controller, Device, Firmware, Layout
from vhost_tempest_plugin.topology.model import (
    CpuTopology,
    DeviceGroup,
    Host,
    Iommu,
    Management,
    NumaNode,
)
from vhost_tempest_plugin.topology.pci import PciAddress

_Element = etree._Element

# libvirt's virScaleInteger; a size without a unit is in KiB.
_UNIT_BYTES = {
    "b": 1,
    "bytes": 1,
    "KB": 1000,
    "k": 1024,
    "KiB": 1024,
    "MB": 1000**2,
    "M": 1024**2,
    "MiB": 1024**2,
    "GB": 1000**3,
    "G": 1024**3,
    "GiB": 1024**3,
}


def parse(xml: str) -> Layout:
    """The layout that a domain's XML describes, be it as rendered or as libvirt returns it.

    What libvirt added is passed over; what was changed by hand is read as it is, be it
    valid or not.

    :raises InputError: it is not a domain, or not one of ours
    """
    try:
        domain = xml_text.parse(xml)
    except ValueError as error:
        raise InputError(f"this is not XML ({error})", hint="give a domain's XML") from None
    note = metadata.read(domain)
    try:
        return _layout(domain, note)
    except (KeyError, ValueError) as error:
        raise InputError(
            f"the XML of domain {note.name!r} lacks something or is malformed ({error!r})",
            hint="destroy the host and make it anew",
        ) from None


def _layout(domain: _Element, note: HostNote) -> Layout:
    controllers = _controllers(domain)
    on_node: dict[int | None, list[Device]] = {}
    for device in _devices(domain, controllers):
        on_node.setdefault(device.node, []).append(device)
    groups: dict[int | None, tuple[DeviceGroup, ...]] = {}
    noted_devices: list[Device] = []
    for node, here in on_node.items():
        groups[node] = tuple(_groups(iter(here), note.nodes.get(node, NodeNote()).groups))
        noted_devices.extend(_with_notes(here, groups[node]))
    expanders = {c.node: c for c in controllers if c.kind is ControllerKind.PCIE_EXPANDER_BUS}
    nodes = []
    for cell in domain.iterfind("cpu/numa/cell"):
        node_id = int(cell.attrib["id"])
        noted = note.nodes.get(node_id, NodeNote())
        expander = expanders.get(node_id)
        nodes.append(
            NumaNode(
                id=node_id,
                cpus=cpuset.parse(cell.get("cpus", "")),
                memory_mib=_mib(cell.attrib["memory"], cell.get("unit", "KiB")),
                distances=tuple(sorted(_distances(cell))),
                huge_pages=noted.huge_pages,
                devices=groups.get(node_id, ()),
                bus=expander.guest_bus if expander and noted.bus_given else None,
            )
        )
    arrangement = _only(domain, "cpu/topology").attrib
    host = Host(
        name=note.name,
        cpus=CpuTopology(
            int(arrangement["sockets"]), int(arrangement["cores"]), int(arrangement["threads"])
        ),
        nodes=tuple(nodes),
        devices=groups.get(None, ()),
        machine=note.machine,
        iommu=_iommu(domain),
        management=Management(
            ManagementNic.read(domain).mac if note.management_mac_given else None
        ),
    )
    firmware = Firmware.BIOS if domain.find("os/loader") is None else Firmware.EFI
    return Layout(host, firmware, controllers, tuple(sorted(noted_devices, key=lambda d: d.parent)))


def _only(parent: _Element, path: str) -> _Element:
    element = parent.find(path)
    if element is None:
        raise ValueError(f"no {path!r} in {parent.tag!r}")
    return element


def _mib(number: str, unit: str) -> int:
    return int(number) * _UNIT_BYTES[unit] // _UNIT_BYTES["MiB"]


def _distances(cell: _Element) -> Iterator[tuple[int, int]]:
    for sibling in cell.iterfind("distances/sibling"):
        yield int(sibling.attrib["id"]), int(sibling.attrib["value"])


def _iommu(domain: _Element) -> Iommu:
    element = domain.find("devices/iommu")
    if element is None:
        return Iommu(None, interrupt_remapping=False, caching_mode=False)
    driver = element.find("driver")
    options: Mapping[str, str] = {} if driver is None else dict(driver.attrib)
    return Iommu(
        iommus.MODELS[element.attrib["model"]],
        interrupt_remapping=options.get("intremap") == "on",
        caching_mode=options.get("caching_mode") == "on",
        address_width_bits=int(options.get("aw_bits", Iommu().address_width_bits)),
    )


def _place(element: _Element) -> PciAddress:
    """Where a controller or device is; the bus is its parent's index."""
    address = _only(element, "address[@type='pci']").attrib
    return PciAddress(*(int(address[part], 0) for part in ("bus", "slot", "function", "domain")))


def _controllers(domain: _Element) -> tuple[Controller, ...]:
    kinds = set(ControllerKind)
    elements = {
        int(element.attrib["index"]): element
        for element in domain.iterfind("devices/controller[@type='pci']")
        if element.attrib["model"] in kinds
    }
    children: dict[int, list[tuple[PciAddress, int]]] = {}
    for index, element in elements.items():
        if index:
            place = _place(element)
            children.setdefault(place.bus, []).append((place, index))
    found = [Controller(0, ControllerKind.PCIE_ROOT, None, 0, None, 0)]
    _number(found, found[0], elements, children)
    return tuple(sorted(found))


def _number(
    found: list[Controller],
    parent: Controller,
    elements: dict[int, _Element],
    children: dict[int, list[tuple[PciAddress, int]]],
) -> int:
    """Add what is below *parent*, numbered as the firmware does; return the last bus."""
    last = parent.guest_bus
    for place, index in sorted(children.get(parent.index, ())):
        element = elements[index]
        kind = ControllerKind(element.attrib["model"])
        if kind is ControllerKind.PCIE_EXPANDER_BUS:
            target = _only(element, "target")
            node = int(target.findtext("node", "-1"))
            bus = int(target.attrib["busNr"])
            below = Controller(
                index, kind, parent.index, place.slot, node if node >= 0 else None, bus
            )
            _number(found, below, elements, children)
        else:
            below = Controller(index, kind, parent.index, place.slot, parent.node, last + 1)
            last = _number(found, below, elements, children)
        found.append(below)
    return last


def _devices(domain: _Element, controllers: tuple[Controller, ...]) -> list[Device]:
    """The devices for guests, with nothing noted, in the order of their root ports."""
    by_index = {controller.index: controller for controller in controllers}
    found = []
    for interface in domain.iterfind("devices/interface"):
        model = devices.MODELS.get(_only(interface, "model").get("type", ""))
        if model is None:
            continue
        place = _place(interface)
        parent = by_index[place.bus]
        found.append(
            Device(
                model=model,
                mac=_only(interface, "mac").attrib["address"],
                parent=parent.index,
                slot=place.slot,
                node=parent.node,
                address=PciAddress(parent.guest_bus, place.slot, place.function),
            )
        )
    return sorted(found, key=lambda device: (device.parent, device.slot))


def _groups(found: Iterator[Device], notes: tuple[GroupNote, ...]) -> Iterator[DeviceGroup]:
    """The groups that were noted, then one for each device that was added since."""
    for note in notes:
        taken = tuple(itertools.islice(found, note.count))
        if taken:
            macs = _macs(taken) if note.macs_given else ()
            yield DeviceGroup(taken[0].model, len(taken), note.vfs, macs, note.binding)
    for device in found:
        yield DeviceGroup(device.model, macs=_macs((device,)))


def _macs(found: tuple[Device, ...]) -> tuple[str, ...]:
    return tuple(device.mac for device in found if device.mac is not None)


def _with_notes(found: list[Device], groups: tuple[DeviceGroup, ...]) -> Iterator[Device]:
    of_each = itertools.chain.from_iterable(itertools.repeat(g, g.count) for g in groups)
    for device, group in zip(found, of_each, strict=True):
        yield replace(device, vfs=group.vfs, binding=group.binding)


def alias(xml: str, device: Device) -> str | None:
    """What libvirt calls a device of a live domain, by where it is; None where it is not."""
    place = PciAddress(device.parent, device.slot)
    for element in xml_text.parse(xml).iterfind("devices/*"):
        name = element.find("alias")
        if name is None or element.find("address[@type='pci']") is None:
            continue
        if _place(element) == place:
            return name.get("name")
    return None
