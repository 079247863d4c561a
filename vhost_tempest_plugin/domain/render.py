# SPDX-License-Identifier: Apache-2.0
"""From a layout to domain XML."""

from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from lxml import etree

from vhost_tempest_plugin import cpuset, share
from vhost_tempest_plugin.accelerator import Accelerator
from vhost_tempest_plugin.domain.metadata import describe
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.hardware import ControllerKind
from vhost_tempest_plugin.layout import (
    DISK,
    MANAGEMENT,
    RANDOM,
    UPLINK,
    Controller,
    Device,
    Firmware,
    Layout,
)
from vhost_tempest_plugin.pci import PciAddress
from vhost_tempest_plugin.topology import Iommu, IommuModel
from vhost_tempest_plugin.uplink import Uplink

_Element = etree._Element

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


@dataclass(frozen=True, slots=True)
class Boot:
    """What a host boots from.

    :param kernel: an ELF vmlinux (quickest) or bzImage; OVMF takes a bzImage only
    :param disk: a qcow2 image, which the host writes to; its /dev/vda
    :param console_log: where its serial console's output goes too
    :param firmware: OVMF's code image (OVMF_CODE_4M.fd), for a layout whose firmware is efi
    :param shares: raw images that the host may read, its disks /dev/vdb and following
    :param uplink: a port of one of the machine's networks that it is connected to
    """

    kernel: Path
    initrd: Path
    command_line: str
    disk: Path
    console_log: Path
    firmware: Path | None = None
    shares: tuple[Path, ...] = ()
    uplink: Uplink | None = None


def render(
    layout: Layout,
    *,
    name: str,
    uuid: UUID,
    boot: Boot,
    accelerator: Accelerator,
    x2apic: bool = False,
) -> str:
    """The domain XML of a host.

    :param name: the domain's name
    :param x2apic: local APICs that are reached through registers rather than through memory
    :raises InputError: the layout wants a firmware that *boot* lacks
    """
    host = layout.host
    emulated = accelerator is Accelerator.TCG
    names = {"qemu": _QEMU} if emulated else None
    domain = etree.Element("domain", type=accelerator.domain_type, nsmap=names)
    _add(domain, "name", name)
    _add(domain, "uuid", str(uuid))
    _add(domain, "metadata").append(describe(host))
    _add(domain, "memory", str(host.memory_mib), unit="MiB")
    _add(domain, "vcpu", str(host.cpus.count), placement="static")
    _os(domain, layout, boot)
    features = _add(domain, "features")
    _add(features, "acpi")
    _add(features, "apic")
    if host.iommu.interrupt_remapping:
        _add(features, "ioapic", driver="qemu")
    domain.append(_cpu(layout, accelerator, x2apic=x2apic))
    _add(domain, "clock", offset="utc")
    _add(domain, "on_poweroff", "destroy")
    _add(domain, "on_reboot", "restart")
    _add(domain, "on_crash", "destroy")
    power = _add(domain, "pm")
    _add(power, "suspend-to-mem", enabled="no")
    _add(power, "suspend-to-disk", enabled="no")
    _devices(domain, layout, boot, x2apic=x2apic)
    if emulated:
        _override(domain)
    etree.indent(domain)
    return etree.tostring(domain, encoding="unicode") + "\n"


def _override(domain: _Element) -> None:
    """Have the virtio devices be notified through I/O ports, as libvirt's own words cannot say.

    QEMU that emulates several CPUs loses a write to memory-mapped registers now and then while
    another CPU changes the memory map, as when a NIC is given to a guest; a queue whose
    notification is lost stands still for ever.
    """
    override = etree.SubElement(domain, f"{{{_QEMU}}}override")
    # libvirt numbers devices of a kind as they are listed (src/qemu/qemu_alias.c).
    nics = enumerate(domain.iterfind("devices/interface"))
    virtio = [f"net{n}" for n, nic in nics if nic.find("model[@type='virtio']") is not None]
    disks = enumerate(domain.iterfind("devices/disk"))
    for alias in (*virtio, *(f"virtio-disk{number}" for number, _ in disks)):
        device = etree.SubElement(override, f"{{{_QEMU}}}device", alias=alias)
        frontend = etree.SubElement(device, f"{{{_QEMU}}}frontend")
        etree.SubElement(
            frontend,
            f"{{{_QEMU}}}property",
            name="modern-pio-notify",
            type="bool",
            value="true",
        )


def _add(parent: _Element, tag: str, text: str | None = None, **attributes: str) -> _Element:
    element = etree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _address(parent: _Element, place: PciAddress) -> _Element:
    """Where a device is: the bus of a libvirt address is its controller's index."""
    return _add(
        parent,
        "address",
        type="pci",
        domain=f"0x{place.domain:04x}",
        bus=f"0x{place.bus:02x}",
        slot=f"0x{place.slot:02x}",
        function=f"0x{place.function:x}",
    )


def _os(domain: _Element, layout: Layout, boot: Boot) -> None:
    system = _add(domain, "os")
    _add(system, "type", "hvm", arch="x86_64", machine=layout.host.machine)
    if layout.firmware is Firmware.EFI:
        if boot.firmware is None:
            raise InputError(
                f"{layout.host.name} has {len(layout.devices)} NICs and needs OVMF; install the "
                "package 'ovmf' or use fewer NICs"
            )
        loader = str(boot.firmware)
        _add(system, "loader", loader, readonly="yes", type="pflash", stateless="yes")
    _add(system, "kernel", str(boot.kernel))
    _add(system, "initrd", str(boot.initrd))
    _add(system, "cmdline", boot.command_line)


def _cpu(layout: Layout, accelerator: Accelerator, *, x2apic: bool) -> _Element:
    cpus = layout.host.cpus
    if accelerator is Accelerator.KVM:
        cpu = etree.Element("cpu", mode="host-passthrough", check="none")
        if cpus.threads > 1:
            # AMD's CPUs need it to have threads; Intel's ignore it (target/i386/cpu.c).
            _add(cpu, "feature", policy="require", name="topoext")
    else:
        # The newest that was stable under TCG, with the 1 GiB pages that nested guests want
        # and a random number generator, without which a boot waits for entropy (1 to 2 s).
        cpu = etree.Element("cpu", mode="custom", match="exact", check="none")
        _add(cpu, "model", "Westmere", fallback="forbid")
        _add(cpu, "feature", policy="require", name="pdpe1gb")
        _add(cpu, "feature", policy="require", name="rdrand")
        if x2apic:
            _add(cpu, "feature", policy="require", name="x2apic")
        _add(cpu, "feature", policy="disable", name="vme")
    _add(
        cpu,
        "topology",
        sockets=str(cpus.sockets),
        cores=str(cpus.cores),
        threads=str(cpus.threads),
    )
    numa = _add(cpu, "numa")
    for node in layout.host.nodes:
        cell = _add(numa, "cell", id=str(node.id))
        if node.cpus:
            cell.set("cpus", cpuset.format(node.cpus))
        cell.set("memory", str(node.memory_mib))
        cell.set("unit", "MiB")
        distances = _add(cell, "distances")
        for to, distance in node.distances:
            _add(distances, "sibling", id=str(to), value=str(distance))
    return cpu


def _devices(domain: _Element, layout: Layout, boot: Boot, *, x2apic: bool) -> None:
    devices = _add(domain, "devices")
    disk = _add(devices, "disk", type="file", device="disk")
    # A host is made anew rather than repaired, so its disk need not survive a power cut.
    _add(disk, "driver", name="qemu", type="qcow2", cache="unsafe", discard="unmap")
    _add(disk, "source", file=str(boot.disk))
    _add(disk, "target", dev="vda", bus="virtio")
    place = _address(disk, DISK)
    if boot.shares:
        place.set("multifunction", "on")
    for number, image in enumerate(boot.shares, 1):
        _share(devices, number, image)
    _add(devices, "controller", type="usb", index="0", model="none")
    for controller in layout.controllers:
        _controller(devices, controller)
    management = _management(devices, layout)
    for device in layout.devices:
        _nic(devices, device)
    if boot.uplink is not None:
        management.set("multifunction", "on")
        _uplink(devices, boot.uplink)
    _console(devices, boot)
    rng = _add(devices, "rng", model="virtio")
    _add(rng, "backend", "/dev/urandom", model="random")
    _address(rng, RANDOM)
    _add(devices, "memballoon", model="none")
    _iommu(devices, layout.host.iommu, x2apic=x2apic)


def _share(devices: _Element, number: int, image: Path) -> None:
    """A disk in the slot of the host's own, so that everything else keeps its place."""
    disk = _add(devices, "disk", type="file", device="disk")
    _add(disk, "driver", name="qemu", type="raw", queues="1")
    _add(disk, "source", file=str(image))
    _add(disk, "target", dev=f"vd{chr(ord('a') + number)}", bus="virtio")
    _add(disk, "readonly")
    _add(disk, "serial", share.serial(number))
    _address(disk, replace(DISK, function=number))


def _controller(devices: _Element, controller: Controller) -> None:
    element = _add(
        devices,
        "controller",
        type="pci",
        index=str(controller.index),
        model=controller.kind.value,
    )
    if controller.parent is None:
        return
    if controller.kind is ControllerKind.PCIE_EXPANDER_BUS:
        target = _add(element, "target", busNr=str(controller.guest_bus))
        _add(target, "node", str(controller.node))
    else:
        _add(element, "target", chassis=str(controller.chassis), port=f"0x{controller.port:x}")
    _address(element, PciAddress(controller.parent, controller.slot))


def _management(devices: _Element, layout: Layout) -> _Element:
    """The first interface, whose netdev libvirt therefore calls hostnet0; gives its address."""
    interface = _add(devices, "interface", type="user")
    _add(interface, "mac", address=layout.management_mac)
    _add(interface, "model", type="virtio")
    _add(interface, "rom", enabled="no")
    return _address(interface, MANAGEMENT)


def _uplink(devices: _Element, uplink: Uplink) -> None:
    """The last interface, in the slot of the first, so that every other keeps place and name.

    The tap device is there and is its user's, so that libvirt needs no right to make one.
    """
    interface = _add(devices, "interface", type="ethernet")
    _add(interface, "mac", address=uplink.mac)
    _add(interface, "target", dev=uplink.tap, managed="no")
    _add(interface, "model", type="virtio")
    _add(interface, "rom", enabled="no")
    _address(interface, UPLINK)


def nic(device: Device, *, has_companion: bool = False) -> str:
    """One NIC alone, to be plugged into a running host.

    :param has_companion: there is another function in its slot
    """
    element = _nic(etree.Element("devices"), device)
    if has_companion:
        element.findall("address")[-1].set("multifunction", "on")
    return etree.tostring(element, encoding="unicode")


def companion(device: Device) -> str:
    """A random number generator in the slot of a NIC, as its next function.

    The functions of a slot are in one IOMMU group, unless they say that they keep apart (ACS).
    """
    rng = etree.Element("rng", model="virtio")
    _add(rng, "backend", model="random").text = "/dev/urandom"
    _address(rng, PciAddress(device.parent, device.slot, 1))
    return etree.tostring(rng, encoding="unicode")


def _nic(devices: _Element, device: Device) -> _Element:
    interface = _add(devices, "interface", type="user")
    _add(interface, "mac", address=device.mac)
    _add(interface, "model", type=device.model.value)
    # Nobody boots from it, and the firmware would load its ROM.
    _add(interface, "rom", enabled="no")
    _address(interface, PciAddress(device.parent, device.slot))
    return interface


def _console(devices: _Element, boot: Boot) -> None:
    serial = _add(devices, "serial", type="pty")
    _add(serial, "log", file=str(boot.console_log), append="on")
    _add(_add(serial, "target", type="isa-serial", port="0"), "model", name="isa-serial")
    console = _add(devices, "console", type="pty")
    _add(console, "log", file=str(boot.console_log), append="on")
    _add(console, "target", type="serial", port="0")


def _iommu(devices: _Element, iommu: Iommu, *, x2apic: bool) -> None:
    if iommu.model is IommuModel.NONE:
        return
    element = _add(devices, "iommu", model=iommu.model.value)
    driver = _add(
        element,
        "driver",
        intremap=_switch(iommu.interrupt_remapping),
        caching_mode=_switch(iommu.caching_mode),
        aw_bits=str(iommu.address_width_bits),
    )
    if x2apic:
        driver.set("eim", "on")


def _switch(on: bool) -> str:
    return "on" if on else "off"
