# SPDX-License-Identifier: Apache-2.0
"""The devices of a host in domain XML."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lxml import etree

from vhost_tempest_plugin.hypervisor.domain.element import Element, add, address
from vhost_tempest_plugin.topology.hardware import ControllerKind
from vhost_tempest_plugin.topology.layout import (
    DISK,
    UPLINK,
    Controller,
    Device,
)
from vhost_tempest_plugin.topology.model import Iommu
from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap device of this machine and the NIC in the host that it belongs to.

    :param name: the tap device's
    :param mac: the NIC's
    """

    name: str
    mac: str


def share_serial(number: int) -> str:
    """The serial number by which the host knows the disk of the share *number*, from 1."""
    return f"vhost-share-{number}"


def add_share(devices: Element, number: int, image: Path) -> None:
    """A disk in the slot of the host's own, so that everything else keeps its place."""
    disk = add(devices, "disk", type="file", device="disk")
    add(disk, "driver", name="qemu", type="raw", queues="1")
    add(disk, "source", file=str(image))
    add(disk, "target", dev=f"vd{chr(ord('a') + number)}", bus="virtio")
    add(disk, "readonly")
    add(disk, "serial", share_serial(number))
    address(disk, replace(DISK, function=number))


def add_controller(devices: Element, controller: Controller) -> None:
    """A bus, or a port of one; the root bus has no place of its own."""
    element = add(
        devices,
        "controller",
        type="pci",
        index=str(controller.index),
        model=controller.kind.value,
    )
    if controller.parent is None:
        return
    if controller.kind is ControllerKind.PCIE_EXPANDER_BUS:
        target = add(element, "target", busNr=str(controller.guest_bus))
        add(target, "node", str(controller.node))
    else:
        add(element, "target", chassis=str(controller.chassis), port=f"0x{controller.port:x}")
    address(element, PciAddress(controller.parent, controller.slot))


def add_uplink(devices: Element, uplink: Tap) -> None:
    """The last interface, in the slot of the first, so that every other keeps place and name.

    The tap device is there and is its user's, so that libvirt needs no right to make one.
    """
    interface = add(devices, "interface", type="ethernet")
    add(interface, "mac", address=uplink.mac)
    add(interface, "target", dev=uplink.name, managed="no")
    add(interface, "model", type="virtio")
    add(interface, "rom", enabled="no")
    address(interface, UPLINK)


def device_xml(device: Device, *, multifunction: bool = False) -> str:
    """One device alone, to be plugged into a running host.

    :param multifunction: there is another function in its slot
    """
    element = add_device(etree.Element("devices"), device)
    if multifunction:
        element.findall("address")[-1].set("multifunction", "on")
    return etree.tostring(element, encoding="unicode")


def companion(device: Device) -> Mapping[str, Mapping[str, str | bool]]:
    """A random number generator in the slot of a device, as its next function: QEMU's commands.

    The functions of a slot are in one IOMMU group, unless they say that they keep apart (ACS).
    libvirt plugs in no other function than the first.
    """
    name = f"companion{device.parent}"
    source = f"{name}-source"
    return {
        "object-add": {"qom-type": "rng-random", "id": source, "filename": "/dev/urandom"},
        "device_add": {
            "driver": "virtio-rng-pci",
            "id": name,
            "rng": source,
            "bus": f"pci.{device.parent}",
            "addr": f"0x{device.slot:x}.0x1",
            # Else the kernel takes it for one alone, which nothing in its slot could reach.
            "multifunction": True,
        },
    }


def add_device(devices: Element, device: Device) -> Element:
    """A device for guests; a NIC is on a restricted network that it has to itself.

    :raises ValueError: it is no NIC, for which domain XML has no element
    """
    if device.mac is None:
        raise ValueError(f"libvirt has no element for a {device.model}")
    interface = add(devices, "interface", type="user")
    add(interface, "mac", address=device.mac)
    add(interface, "model", type=device.model.name)
    # Nobody boots from it, and the firmware would load its ROM.
    add(interface, "rom", enabled="no")
    address(interface, PciAddress(device.parent, device.slot))
    return interface


def add_console(devices: Element, log: Path) -> None:
    """Its serial console, which *log* gets too."""
    serial = add(devices, "serial", type="pty")
    add(serial, "log", file=str(log), append="on")
    add(add(serial, "target", type="isa-serial", port="0"), "model", name="isa-serial")
    console = add(devices, "console", type="pty")
    add(console, "log", file=str(log), append="on")
    add(console, "target", type="serial", port="0")


def add_iommu(devices: Element, iommu: Iommu, *, x2apic: bool) -> None:
    """The IOMMU, where there is one.

    :param x2apic: it has room in an interrupt for the numbers of such APICs (EIM)
    """
    model = iommu.model
    if model is None:
        return
    options = {}
    if model.remapping:
        options["intremap"] = _switch(iommu.interrupt_remapping)
    if model.has_caching_mode:
        options["caching_mode"] = _switch(iommu.caching_mode)
    if model.address_widths_bits:
        options["aw_bits"] = str(iommu.address_width_bits)
    if x2apic:
        options["eim"] = "on"
    element = add(devices, "iommu", model=model.name)
    if options:
        add(element, "driver", **options)


def _switch(on: bool) -> str:
    return "on" if on else "off"
