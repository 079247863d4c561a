# SPDX-License-Identifier: Apache-2.0
"""What libvirt says of a host: the part of its capabilities that Nova reads."""

from xml.etree import ElementTree

from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.hardware import Cell
from vhost_tempest_plugin.topology.layout import Layout

_SMALL_KIB = 4


def capabilities(layout: Layout) -> str:
    """The XML (https://libvirt.org/formatcaps.html), of a host whose kernel keeps no memory."""
    hardware = layout.hardware()
    cpus = {cpu.id: cpu for cpu in hardware.cpus}
    top = ElementTree.Element("capabilities")
    topology = ElementTree.SubElement(ElementTree.SubElement(top, "host"), "topology")
    cells = ElementTree.SubElement(topology, "cells", num=str(len(hardware.cells)))
    for cell in hardware.cells:
        element = ElementTree.SubElement(cells, "cell", id=str(cell.id))
        ElementTree.SubElement(element, "memory", unit="KiB").text = str(cell.memory_mib * 1024)
        for size, count in _pages(cell):
            pages = ElementTree.SubElement(element, "pages", unit="KiB", size=str(size))
            pages.text = str(count)
        of_cell = ElementTree.SubElement(element, "cpus", num=str(len(cell.cpus)))
        for number in sorted(cell.cpus):
            cpu = cpus[number]
            ElementTree.SubElement(
                of_cell,
                "cpu",
                id=str(number),
                socket_id=str(cpu.socket),
                core_id=str(min(cpu.siblings)),
                siblings=cpuset.format(cpu.siblings),
            )
    return ElementTree.tostring(top, encoding="unicode")


def _pages(cell: Cell) -> list[tuple[int, int]]:
    """Small ones are what the huge ones leave over."""
    huge = [(pages.size_kib, pages.count) for pages in cell.huge_pages]
    left_kib = cell.memory_mib * 1024 - sum(size * count for size, count in huge)
    return [(_SMALL_KIB, left_kib // _SMALL_KIB), *huge]
