# SPDX-License-Identifier: Apache-2.0
"""A picture as source for graphviz.

All of it is one node whose label is a table (graphviz's HTML-like labels), so that the
cards stand in a grid: as nodes of their own dot would put them in one row.
"""

import math
from collections.abc import Iterable, Iterator

from vhost_tempest_plugin.topology.drawing import markup
from vhost_tempest_plugin.topology.drawing.differences import Mark
from vhost_tempest_plugin.topology.drawing.markup import (
    cell,
    faint,
    font,
    row,
    table,
    words,
)
from vhost_tempest_plugin.topology.drawing.model import (
    Bus,
    Card,
    Drawing,
    Nic,
    Panel,
    Port,
    Socket,
    Text,
)

_LEGEND = {
    Mark.MISSING: "intended, not observed",
    Mark.UNEXPECTED: "observed, not intended",
    Mark.DIFFERENT: "differs between the two",
}
_LINE = "<br align='left'/>"
_CPUS_A_ROW = 8
_SPARE = 40  # graphviz shares out the room to spare evenly: most of it to empty cells
_HEADINGS = ("NIC", "model", "IOMMU group", "driver")
_COLUMNS = 1 + len(_HEADINGS)
_POINTS_A_CHARACTER = 7
_CARD_WIDTH, _CARD_HEIGHT, _ROW_HEIGHT = 400, 130, 22  # points, about
_ASPECT = 1.6
_HOLE = 2.2  # as bad as a shape so many times too long


def render(drawing: Drawing) -> str:
    """The picture as a graph in the DOT language."""
    rows = row(cell(_panel(panel, drawing), valign="top") for panel in drawing.panels)
    if drawing.differences:
        rows += row([cell(_legend(), colspan=len(drawing.panels), align="left")])
    label = table(rows, border=0, cellborder=0, cellspacing=8, cellpadding=0)
    return (
        "graph host {\n"
        f'  graph [bgcolor="{markup.PAPER}", pad="0.1"];\n'
        f'  node [shape=plain, fontname="{markup.SANS}", fontsize=11,'
        f' fontcolor="{markup.INK}"];\n'
        f"  host [tooltip={markup.quoted(drawing.title or 'host')}, label=<{label}>];\n"
        "}\n"
    )


def _panel(panel: Panel, drawing: Drawing) -> str:
    single = len(drawing.panels) == 1
    columns = _grid(panel, _ASPECT if single else _ASPECT / 2)
    caption = "" if single and panel.caption == "intended" else panel.caption
    title = font(markup.bold(drawing.title or "host"), size=20)
    title += font(markup.escaped(f"  {caption}"), size=20, color=markup.FAINT)
    heading = f"{title}{_LINE}{font(' ', size=5)}{_LINE}"
    heading += font(markup.escaped(panel.summary), size=12) + _LINE
    spare = [cell("")] * _SPARE
    distances = cell(_distances(panel), valign="top", align="right")
    top = row([cell(heading, valign="top", align="left", balign="left"), *spare, distances])
    rows = row([cell(table(top, border=0, cellborder=0, cellspacing=0), colspan=columns)])
    widths = _widths(panel)
    cards = [cell(_above_spare(_card(card, widths)), valign="top") for card in panel.cards]
    for at in range(0, len(cards), columns):
        rows += row(cards[at : at + columns])
    return table(rows, border=0, cellborder=0, cellspacing=6, cellpadding=0)


def _above_spare(card: str) -> str:
    rows = row([cell(card)]) + row([cell("", cellpadding=0)]) * _SPARE
    return table(rows, border=0, cellborder=0, cellspacing=0, cellpadding=0)


def _grid(panel: Panel, aspect: float) -> int:
    """How many cards a row make the panel's shape most like *aspect*, with few holes."""
    heights = [_CARD_HEIGHT + _ROW_HEIGHT * _lines(card) for card in panel.cards]
    count = len(panel.cards)

    def badness(columns: int) -> float:
        rows = [heights[at : at + columns] for at in range(0, count, columns)]
        shape = _CARD_WIDTH * columns / sum(map(max, rows))
        holes = len(rows) * columns - count
        tall = aspect / shape
        return max(1 / tall, tall * math.sqrt(tall)) + _HOLE * holes

    return min(range(1, count + 1), key=badness, default=1)


def _lines(card: Card) -> int:
    ports = [port for bus in card.buses for port in bus.ports]
    nics = sum(max(1, sum(1 + len(nic.vfs) for nic in port.nics)) for port in ports)
    return nics + 2 * len(card.buses)


def _distances(panel: Panel) -> str:
    if len(panel.nodes) < 2:
        return ""
    head = [cell(faint("distances"), border=0, align="right")]
    head += [cell(faint(str(node)), border=0) for node in panel.nodes]
    rows = row(head)
    for node, distances in zip(panel.nodes, panel.distances, strict=True):
        label = cell(faint(f"node {node}"), border=0, align="right")
        rows += row([label, *(cell(font(words(text), size=10), text.mark) for text in distances)])
    return table(
        rows,
        border=0,
        cellborder=1,
        cellspacing=0,
        cellpadding=3,
        color=markup.RULE,
    )


def _widths(panel: Panel) -> list[int]:
    """What the columns of all cards need, in points, so that they stand in line."""
    buses = [bus for card in panel.cards for bus in card.buses]
    rows = [("", *_HEADINGS), *(("M" * len(bus.title.marked), "", "", "", "") for bus in buses)]
    for port in (port for bus in buses for port in bus.ports):
        for nic in (each for pf in port.nics for each in (pf, *pf.vfs)):
            label = port.address.marked if port.address else ""
            texts = (nic.model.marked, nic.group.marked, nic.driver.marked)
            rows.append((label, "  " + nic.address.marked, *texts))
    return [_POINTS_A_CHARACTER * max(map(len, column)) for column in zip(*rows, strict=True)]


def _card(card: Card, widths: list[int]) -> str:
    ink, head = (markup.INK, None) if card.title.mark else (markup.PAPER, markup.HEAD)
    title = font(f"<b>{words(card.title, in_words=True)}</b>", color=ink, size=13)
    band = {"bgcolor": head} if head else {}
    rows = row([cell(title, card.title.mark, colspan=_COLUMNS, align="left", **band)])
    rows += row(cell("", cellpadding=0, width=width) for width in widths)
    rows += "".join(_facts(card))
    rows += "".join(map(_bus, card.buses))
    if not card.buses:
        rows += row([cell(faint("no NICs"), colspan=_COLUMNS, align="left")])
    return table(
        rows,
        border=1,
        cellborder=0,
        cellspacing=0,
        cellpadding=4,
        color=markup.RULE,
        bgcolor=markup.CARD,
    )


def _facts(card: Card) -> Iterator[str]:
    for label, text in (
        ("CPUs", card.cpus),
        ("memory", card.memory),
        ("huge pages", card.huge_pages),
    ):
        if text is not None and (text.text != "none" or text.mark):
            value = words(text, in_words=True)
            yield row(
                [
                    cell(faint(label), align="left"),
                    cell(value, text.mark, align="left", colspan=_COLUMNS - 1),
                ]
            )
    if card.sockets:
        yield row([cell(_sockets(card.sockets), colspan=_COLUMNS, cellpadding=2)])


def _sockets(sockets: tuple[Socket, ...]) -> str:
    """The sockets as boxes, of their cores as boxes of CPUs, few enough a row."""
    boxes = ((_socket(each), max(2, sum(map(len, each.cores)))) for each in sockets)
    rows = "".join(
        row([cell(table(row(line), border=0, cellborder=0, cellspacing=2, cellpadding=0))])
        for line in _in_rows(boxes)
    )
    return table(rows, border=0, cellborder=0, cellspacing=0, cellpadding=0)


def _socket(socket: Socket) -> str:
    lines = list(_in_rows((_core(core), len(core)) for core in socket.cores))
    rows = row([cell(faint(f"socket {socket.id}"), colspan=max(map(len, lines)), align="left")])
    rows += "".join(map(row, lines))
    return table(
        rows,
        border=1,
        cellborder=0,
        cellspacing=2,
        cellpadding=0,
        color=markup.RULE,
    )


def _core(core: tuple[Text, ...]) -> str:
    cpus = row(
        cell(font(words(cpu), face=markup.MONO, size=10), cpu.mark, width=20) for cpu in core
    )
    return table(
        cpus,
        border=1,
        cellborder=0,
        cellspacing=0,
        cellpadding=2,
        color=markup.RULE,
        bgcolor=markup.PAPER,
    )


def _in_rows(boxes: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Cells of boxes, each with its number of CPUs, few enough CPUs a row."""
    line: list[str] = []
    used = 0
    for box, size in boxes:
        if used and used + size > _CPUS_A_ROW:
            yield line
            line, used = [], 0
        line.append(cell(box))
        used += size
    yield line


def _bus(bus: Bus) -> str:
    title = markup.bold_text(bus.title)
    band = {} if bus.title.mark else {"bgcolor": markup.BAND}
    heads = [
        cell(faint(heading if bus.ports else ""), align="left", bgcolor=markup.BAND)
        for heading in _HEADINGS
    ]
    rows = row([cell(title, bus.title.mark, align="left", **band), *heads])
    return rows + "".join(map(_port, bus.ports))


def _port(port: Port) -> str:
    lines = [line for nic in port.nics for line in _nic(nic)]
    if not lines:
        lines = [[cell(faint("nothing"), align="left", colspan=len(_HEADINGS))]]
    label = cell(
        words(port.address, mono=True, in_words=True) if port.address else faint("no port"),
        port.address.mark if port.address else Mark.SAME,
        align="left",
        valign="top",
        rowspan=len(lines),
    )
    return "".join(row([*([] if at else [label]), *line]) for at, line in enumerate(lines))


def _nic(nic: Nic, branch: str = "") -> Iterable[list[str]]:
    address = font(branch, face=markup.MONO) + words(nic.address, mono=True, in_words=True)
    mark = nic.address.mark
    if nic.strays:
        address += _LINE + font(f"on {words(nic.strays, in_words=True)}", size=10) + _LINE
        mark = mark or nic.strays.mark
    yield [
        cell(address, mark, align="left"),
        cell(words(nic.model), nic.model.mark, align="left"),
        cell(words(nic.group), nic.group.mark, align="left"),
        cell(words(nic.driver), nic.driver.mark, align="left"),
    ]
    for at, vf in enumerate(nic.vfs):
        yield from _nic(vf, "└ " if at == len(nic.vfs) - 1 else "├ ")


def _legend() -> str:
    cells = [
        cell(markup.escaped(f"{mark.symbol} {mark}: {meaning}"), mark)
        for mark, meaning in _LEGEND.items()
    ]
    return table(row(cells), border=0, cellborder=0, cellspacing=6, cellpadding=4)
