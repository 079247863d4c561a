# SPDX-License-Identifier: Apache-2.0
"""From a layout to domain XML."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from lxml import etree

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.hypervisor.domain import device, user_network
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.domain.device import Tap
from vhost_tempest_plugin.hypervisor.domain.element import Element, add, address
from vhost_tempest_plugin.hypervisor.domain.management import ManagementNic
from vhost_tempest_plugin.hypervisor.domain.metadata import describe
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.layout import DISK, RANDOM, Firmware, Layout

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


@dataclass(frozen=True, slots=True)
class Boot:
    """What a host boots from.

    :param kernel: an ELF vmlinux (quickest) or bzImage; OVMF takes a bzImage only
    :param disk: a qcow2 image, which the host writes to; its /dev/vda
    :param console_log: where its serial console's output goes too
    :param firmware: OVMF's code image (OVMF_CODE_4M.fd), for a layout whose firmware is efi
    :param shares: raw images that the host may read, its disks /dev/vdb and following
    :param uplink: the tap device through which it is connected to a network of this machine
    :param internet: its management link leads to what the machine reaches, its loopback too
    """

    kernel: Path
    initrd: Path
    command_line: str
    disk: Path
    console_log: Path
    firmware: Path | None = None
    shares: tuple[Path, ...] = ()
    uplink: Tap | None = None
    internet: bool = False


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
    domain = etree.Element("domain", type=accelerator.domain_type, nsmap={"qemu": _QEMU})
    add(domain, "name", name)
    add(domain, "uuid", str(uuid))
    add(domain, "metadata").append(describe(host))
    add(domain, "memory", str(host.memory_mib), unit="MiB")
    add(domain, "vcpu", str(host.cpus.count), placement="static")
    _os(domain, layout, boot)
    features = add(domain, "features")
    add(features, "acpi")
    add(features, "apic")
    if host.iommu.interrupt_remapping:
        add(features, "ioapic", driver="qemu")
    domain.append(_cpu(layout, accelerator, x2apic=x2apic))
    add(domain, "clock", offset="utc")
    add(domain, "on_poweroff", "destroy")
    add(domain, "on_reboot", "restart")
    add(domain, "on_crash", "destroy")
    power = add(domain, "pm")
    add(power, "suspend-to-mem", enabled="no")
    add(power, "suspend-to-disk", enabled="no")
    _devices(domain, layout, boot, x2apic=x2apic)
    _qemu(domain, accelerator, internet=boot.internet)
    etree.indent(domain)
    return etree.tostring(domain, encoding="unicode") + "\n"


def _qemu(domain: Element, accelerator: Accelerator, *, internet: bool) -> None:
    """What libvirt's own words cannot express."""
    networks = tuple(user_network.networks(domain, internet=internet))
    options = etree.SubElement(domain, f"{{{_QEMU}}}commandline")
    for network in networks:
        for word in ("-netdev", network.option):
            etree.SubElement(options, f"{{{_QEMU}}}arg", value=word)
    properties = [(each.alias, "netdev", "string", each.name) for each in networks]
    if accelerator is Accelerator.TCG:
        properties += [
            (alias, "modern-pio-notify", "bool", "true") for alias in _virtio_aliases(domain)
        ]
    override = etree.SubElement(domain, f"{{{_QEMU}}}override")
    for alias in dict.fromkeys(alias for alias, *_ in properties):
        device = etree.SubElement(override, f"{{{_QEMU}}}device", alias=alias)
        frontend = etree.SubElement(device, f"{{{_QEMU}}}frontend")
        for whose, name, kind, value in properties:
            if whose == alias:
                element = f"{{{_QEMU}}}property"
                etree.SubElement(frontend, element, name=name, type=kind, value=value)


def _virtio_aliases(domain: Element) -> Iterator[str]:
    """The virtio devices, which are to be notified through I/O ports.

    QEMU that emulates several CPUs loses a write to memory-mapped registers now and then while
    another CPU changes the memory map, as when a NIC is given to a guest; a queue whose
    notification is lost stands still for ever.
    """
    # libvirt numbers devices of a kind as they are listed (src/qemu/qemu_alias.c).
    for number, nic in enumerate(domain.iterfind("devices/interface")):
        if nic.find("model[@type='virtio']") is not None:
            yield f"net{number}"
    for number, _ in enumerate(domain.iterfind("devices/disk")):
        yield f"virtio-disk{number}"


def _os(domain: Element, layout: Layout, boot: Boot) -> None:
    system = add(domain, "os")
    add(system, "type", "hvm", arch="x86_64", machine=layout.host.machine)
    if layout.firmware is Firmware.EFI:
        if boot.firmware is None:
            raise InputError(
                f"{layout.host.name} has {len(layout.devices)} NICs and needs OVMF",
                hint="install the package 'ovmf' or use fewer NICs",
            )
        loader = str(boot.firmware)
        add(system, "loader", loader, readonly="yes", type="pflash", stateless="yes")
    add(system, "kernel", str(boot.kernel))
    add(system, "initrd", str(boot.initrd))
    add(system, "cmdline", boot.command_line)


def _cpu(layout: Layout, accelerator: Accelerator, *, x2apic: bool) -> Element:
    cpus = layout.host.cpus
    if accelerator is Accelerator.KVM:
        cpu = etree.Element("cpu", mode="host-passthrough", check="none")
        if cpus.threads > 1:
            # AMD's CPUs need it to have threads; Intel's ignore it (target/i386/cpu.c).
            add(cpu, "feature", policy="require", name="topoext")
    else:
        # The newest that was stable under TCG, with the 1 GiB pages that nested guests want
        # and a random number generator, without which a boot waits for entropy (1 to 2 s).
        cpu = etree.Element("cpu", mode="custom", match="exact", check="none")
        add(cpu, "model", "Westmere", fallback="forbid")
        add(cpu, "feature", policy="require", name="pdpe1gb")
        add(cpu, "feature", policy="require", name="rdrand")
        if x2apic:
            add(cpu, "feature", policy="require", name="x2apic")
        add(cpu, "feature", policy="disable", name="vme")
    add(
        cpu,
        "topology",
        sockets=str(cpus.sockets),
        cores=str(cpus.cores),
        threads=str(cpus.threads),
    )
    numa = add(cpu, "numa")
    for node in layout.host.nodes:
        cell = add(numa, "cell", id=str(node.id))
        if node.cpus:
            cell.set("cpus", cpuset.format(node.cpus))
        cell.set("memory", str(node.memory_mib))
        cell.set("unit", "MiB")
        distances = add(cell, "distances")
        for to, distance in node.distances:
            add(distances, "sibling", id=str(to), value=str(distance))
    return cpu


def _devices(domain: Element, layout: Layout, boot: Boot, *, x2apic: bool) -> None:
    devices = add(domain, "devices")
    disk = add(devices, "disk", type="file", device="disk")
    # A host is made anew rather than repaired, so its disk need not survive a power cut.
    add(disk, "driver", name="qemu", type="qcow2", cache="unsafe", discard="unmap")
    add(disk, "source", file=str(boot.disk))
    add(disk, "target", dev="vda", bus="virtio")
    place = address(disk, DISK)
    if boot.shares:
        place.set("multifunction", "on")
    for number, image in enumerate(boot.shares, 1):
        device.add_share(devices, number, image)
    add(devices, "controller", type="usb", index="0", model="none")
    for controller in layout.controllers:
        device.add_controller(devices, controller)
    management = ManagementNic(layout.management_mac).add(devices)
    for each in layout.devices:
        device.add_device(devices, each)
    if boot.uplink is not None:
        management.set("multifunction", "on")
        device.add_uplink(devices, boot.uplink)
    device.add_console(devices, boot.console_log)
    rng = add(devices, "rng", model="virtio")
    add(rng, "backend", "/dev/urandom", model="random")
    address(rng, RANDOM)
    add(devices, "memballoon", model="none")
    device.add_iommu(devices, layout.host.iommu, x2apic=x2apic)
