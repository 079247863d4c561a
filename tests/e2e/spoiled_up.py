# SPDX-License-Identifier: Apache-2.0
"""Brings a host up that is not what its topology says; run as a program.

    python -m tests.e2e.spoiled_up command-line|hardware TOPOLOGY

``vhost up`` with what it makes of the topology spoiled on the way to libvirt.
"""

import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

from lxml import etree

from vhost_tempest_plugin.host import boot, lifecycle
from vhost_tempest_plugin.host.spec import HostSpec
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util import progress

COMMAND_LINE = "intel_iommu=off intremap=off numa=off"


def hardware(text: str) -> str:
    """Spoil a domain whose first node has two NICs and whose second has one.

    The NICs of the first node are behind a switch, at the addresses that they should have,
    since its expander's bus is two lower; the first shares its slot with a controller that
    is none of the topology's.  The NIC of the second node is on the first node, its link
    down.  The CPUs say that they have svm.
    """
    domain = etree.fromstring(text)
    first, second = domain.findall(".//controller[@model='pcie-expander-bus']")
    target = _found(first, "target")
    target.set("busNr", str(int(target.attrib["busNr"]) - 2))
    _put_behind_switch(domain, first.attrib["index"])
    _found(second, "target/node").text = "0"
    nic = domain.findall(".//interface[model]")[-1]
    etree.SubElement(nic, "link", state="down")
    etree.SubElement(_found(domain, "cpu"), "feature", policy="require", name="svm")
    return etree.tostring(domain, encoding="unicode")


def _put_behind_switch(domain: etree._Element, expander: str) -> None:
    """Of an expander's two root ports make a root port and the upstream port behind it."""
    ports = [
        controller
        for controller in domain.findall(".//controller[@model='pcie-root-port']")
        if _bus(controller) == int(expander)
    ]
    port, upstream = ports
    nics = [
        nic
        for nic in domain.findall(".//interface")
        if _bus(nic) in {int(controller.attrib["index"]) for controller in ports}
    ]
    upstream.set("model", "pcie-switch-upstream-port")
    upstream.remove(_found(upstream, "target"))
    _place(upstream, int(port.attrib["index"]), 0)
    # libvirt fills gaps between the indexes with root ports.
    free = 1 + max(int(c.attrib["index"]) for c in domain.findall(".//controller[@type='pci']"))
    for slot, nic in enumerate(nics):
        kind = {"type": "pci", "index": str(free + slot), "model": "pcie-switch-downstream-port"}
        _place(_beside(upstream, kind), int(upstream.attrib["index"]), slot)
        _place(nic, free + slot, 0)
    _found(nics[0], "address").set("multifunction", "on")
    companion = _beside(upstream, {"type": "scsi", "index": "0", "model": "virtio-scsi"})
    _place(companion, free, 0)
    _found(companion, "address").set("function", "0x1")


def _beside(sibling: etree._Element, kind: dict[str, str]) -> etree._Element:
    """A new controller."""
    controller = etree.Element("controller", kind)
    etree.SubElement(controller, "address", type="pci", domain="0x0000")
    sibling.addnext(controller)
    return controller


def _found(element: etree._Element, path: str) -> etree._Element:
    found = element.find(path)
    assert found is not None, path
    return found


def _bus(element: etree._Element) -> int:
    address = element.find("address")
    return -1 if address is None else int(address.attrib["bus"], 16)


def _place(element: etree._Element, bus: int, slot: int) -> None:
    _found(element, "address").attrib.update({"bus": f"0x{bus:02x}", "slot": f"0x{slot:02x}"})


def _spoiled_xml(*arguments: Any, xml: Callable[..., str] = boot.xml) -> str:
    return hardware(xml(*arguments))


SPOILS = {
    "command-line": ("kernel_parameters.command_line", lambda layout: COMMAND_LINE),
    "hardware": ("xml", _spoiled_xml),
}


if __name__ == "__main__":
    place, spoiled = SPOILS[sys.argv[1]]
    layout = catalog.find(sys.argv[2])
    spec = HostSpec(layout, layout.host.name, Accelerator.TCG)
    with mock.patch(f"vhost_tempest_plugin.host.boot.{place}", spoiled):
        lifecycle.up(spec, progress.Lines())
