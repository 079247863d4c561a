# SPDX-License-Identifier: Apache-2.0
"""A moment of a host as an inline SVG element; its colours are the page's classes."""

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from markupsafe import Markup

from vhost_tempest_plugin.report.results.placement import Mark, Moment, PictureNode

# Of the classes g0, g1, ... that the page has.
COLOURS = 10
_NODES_A_ROW = 4
_GAP = 10
_PAD = 8
_LINE = 18
_CELL_HEIGHT = 32
_CPU_WIDTH, _CPUS_A_ROW = 34, 8
_DEVICE_WIDTH, _DEVICES_A_ROW = 90, 3
_NODE_WIDTH = _CPU_WIDTH * _CPUS_A_ROW + 2 * _PAD
_MOST_NAMED = 2


def svg(moment: Moment) -> Markup:
    """The NUMA nodes beside one another with their CPUs, devices and memory."""
    root = Element("svg", {"class": "place", "role": "img", "aria-label": _label(moment)})
    top = 1
    for first in range(0, len(moment.nodes), _NODES_A_ROW):
        row = moment.nodes[first : first + _NODES_A_ROW]
        height = max(map(_height, row))
        for column, node in enumerate(row):
            _node(root, node, 1 + column * (_NODE_WIDTH + _GAP), top, height)
        top += height + _GAP
    columns = min(len(moment.nodes), _NODES_A_ROW)
    root.set("width", str(columns * (_NODE_WIDTH + _GAP) - _GAP + 2))
    root.set("height", str(top - _GAP + 1))
    root.set("viewBox", f"0 0 {root.get('width')} {root.get('height')}")
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - escaped by it


def _label(moment: Moment) -> str:
    servers = [f"server {number}: {has}" for number, _, has in moment.servers]
    return f"{moment.title}. {'. '.join(servers) or 'No servers.'}"


def _rows(count: int, in_a_row: int) -> int:
    return -(-count // in_a_row)


def _height(node: PictureNode) -> int:
    cells = _rows(len(node.cpus), _CPUS_A_ROW) + _rows(len(node.devices), _DEVICES_A_ROW)
    return _LINE + cells * _CELL_HEIGHT + len(node.memory) * _LINE + 2 * _PAD


def _node(root: Element, node: PictureNode, left: int, top: int, height: int) -> None:
    _rect(root, left, top, _NODE_WIDTH, height, "node")
    name = "no NUMA node" if node.node is None else f"NUMA node {node.node}"
    memory = f", {node.memory_mib} MiB" if node.memory_mib else ""
    y = top + _PAD
    _text(root, left + _PAD, y + 12, f"{name}{memory}", "name")
    y += _LINE
    y = _cells(root, node.cpus, left + _PAD, y, _CPU_WIDTH, _CPUS_A_ROW)
    y = _cells(root, node.devices, left + _PAD, y, _DEVICE_WIDTH, _DEVICES_A_ROW)
    for server, mib in node.memory:
        _rect(root, left + _PAD, y + 2, 22, _LINE - 4, _colour(server))
        _text(root, left + _PAD + 11, y + 13, f"s{server}", "on mid")
        _text(root, left + _PAD + 28, y + 13, f"{mib} MiB", "")
        y += _LINE


def _cells(
    root: Element, marks: Sequence[Mark], left: int, top: int, width: int, in_a_row: int
) -> int:
    """Draw marks in rows; the vertical position below them."""
    for i, mark in enumerate(marks):
        x, y = left + i % in_a_row * width, top + i // in_a_row * _CELL_HEIGHT
        cell = ElementTree.SubElement(root, "g")
        ElementTree.SubElement(cell, "title").text = _title(mark)
        colour = _colour(mark.servers[-1]) if mark.servers else ""
        _rect(cell, x, y, width - 4, _CELL_HEIGHT - 4, f"{mark.kind} {colour}".strip())
        middle = x + (width - 4) // 2
        name = mark.name.removeprefix("0000:") if mark.kind == "device" else mark.name
        on = "on mid" if mark.servers else "mid"
        _text(cell, middle, y + (12 if mark.servers else 18), name, on)
        if mark.servers:
            _text(cell, middle, y + 24, _names(mark.servers), f"{on} few")
    return top + _rows(len(marks), in_a_row) * _CELL_HEIGHT


def _title(mark: Mark) -> str:
    what = mark.name if mark.kind == "device" else f"CPU {mark.name}, {mark.kind}"
    return f"{what}: {_numbers(mark.servers)}" if mark.servers else f"{what}: free"


def _numbers(servers: Sequence[int]) -> str:
    return f"server {', '.join(map(str, servers))}"


def _names(servers: Sequence[int]) -> str:
    if len(servers) > _MOST_NAMED:
        return f"{len(servers)} of s"
    return " ".join(f"s{server}" for server in servers)


def _colour(server: int) -> str:
    return f"g{server % COLOURS}"


def _rect(parent: Element, x: int, y: int, width: int, height: int, kind: str) -> None:
    radius = 12 if kind.startswith("device") else 4
    sizes = {"x": x, "y": y, "width": width, "height": height, "rx": radius}
    attributes = {name: str(value) for name, value in sizes.items()}
    ElementTree.SubElement(parent, "rect", {**attributes, "class": kind})


def _text(parent: Element, x: int, y: int, text: str, kind: str) -> None:
    ElementTree.SubElement(parent, "text", {"x": str(x), "y": str(y), "class": kind}).text = text
