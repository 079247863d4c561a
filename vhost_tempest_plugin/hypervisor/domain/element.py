# SPDX-License-Identifier: Apache-2.0
"""Elements of domain XML."""

from lxml import etree

from vhost_tempest_plugin.topology.pci import PciAddress

Element = etree._Element


def add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """A new last child of *parent*."""
    element = etree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def address(parent: Element, place: PciAddress) -> Element:
    """Where a device is: the bus of a libvirt address is its controller's index."""
    return add(
        parent,
        "address",
        type="pci",
        domain=f"0x{place.domain:04x}",
        bus=f"0x{place.bus:02x}",
        slot=f"0x{place.slot:02x}",
        function=f"0x{place.function:x}",
    )
