# SPDX-License-Identifier: Apache-2.0
"""The domain XML of a guest inside a host, with one NIC assigned."""

from lxml import etree

from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology.pci import PciAddress

_MEMORY_MIB = 128


def render_nested(
    name: str,
    nic: PciAddress,
    *,
    kernel: str,
    initrd: str,
    command_line: str,
    console_log: str,
    accelerator: Accelerator,
) -> str:
    """The XML for ``virsh create`` inside the host.

    :param nic: where the host sees the NIC; libvirt takes it from its driver and gives it back
    :param kernel: a path in the host, as are *initrd* and *console_log*
    """
    domain = etree.Element("domain", type=accelerator.domain_type)
    etree.SubElement(domain, "name").text = name
    etree.SubElement(domain, "memory", unit="MiB").text = str(_MEMORY_MIB)
    etree.SubElement(domain, "vcpu").text = "1"
    boot = etree.SubElement(domain, "os")
    etree.SubElement(boot, "type", arch="x86_64", machine="q35").text = "hvm"
    for tag, text in (("kernel", kernel), ("initrd", initrd), ("cmdline", command_line)):
        etree.SubElement(boot, tag).text = text
    etree.SubElement(etree.SubElement(domain, "features"), "acpi")
    if accelerator is Accelerator.KVM:
        etree.SubElement(domain, "cpu", mode="host-passthrough")
    for event in ("on_poweroff", "on_reboot", "on_crash"):
        etree.SubElement(domain, event).text = "destroy"
    devices = etree.SubElement(domain, "devices")
    etree.SubElement(devices, "controller", type="usb", model="none")
    serial = etree.SubElement(devices, "serial", type="file")
    etree.SubElement(serial, "source", path=console_log)
    etree.SubElement(serial, "target", port="0")
    etree.SubElement(devices, "memballoon", model="none")
    assigned = etree.SubElement(devices, "hostdev", mode="subsystem", type="pci", managed="yes")
    etree.SubElement(
        etree.SubElement(assigned, "source"),
        "address",
        domain=f"{nic.domain:#06x}",
        bus=f"{nic.bus:#04x}",
        slot=f"{nic.slot:#04x}",
        function=f"{nic.function:#x}",
    )
    etree.indent(domain)
    return etree.tostring(domain, encoding="unicode") + "\n"
