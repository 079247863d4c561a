# SPDX-License-Identifier: Apache-2.0
"""A picture in characters, for terminals of 80 to 100 columns."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from vhost_tempest_plugin.topology.drawing.differences import Difference, Mark
from vhost_tempest_plugin.topology.drawing.model import (
    Bus,
    Card,
    Drawing,
    Nic,
    Panel,
    Socket,
    Text,
)

_LABEL_COLUMNS = 12
_HEADINGS = ("NIC", "model", "IOMMU group", "driver", "")

Row = tuple[str, ...]


def render(drawing: Drawing, columns: int = 80) -> str:
    """The picture as lines, which end in a newline.

    :param columns: the least width of a node's box, and where long lists of CPUs wrap
    """
    lines: list[str] = []
    for panel in drawing.panels:
        caption = "" if len(drawing.panels) == 1 and not drawing.differences else panel.caption
        title = ", ".join(part for part in (drawing.title, caption) if part)
        lines += [f"{title}: {panel.summary}".removeprefix(": "), ""]
        lines += [*_distances(panel), *_cards(panel, columns), ""]
    if drawing.differences:
        lines += [*_differences(drawing.differences), ""]
    return "\n".join(line.rstrip() for line in lines[:-1]) + "\n"


def _aligned(rows: Sequence[Row], gap: str = "  ") -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _distances(panel: Panel) -> list[str]:
    if len(panel.nodes) < 2:
        return []
    cells = [[str(node) for node in panel.nodes]]
    cells += [[distance.marked for distance in row] for row in panel.distances]
    width = max(len(cell) for row in cells for cell in row)
    labels = ["distances", *(f"   node {node}" for node in panel.nodes)]
    left = max(map(len, labels))
    return [
        f"{label.ljust(left)}  {'  '.join(cell.rjust(width) for cell in row)}"
        for label, row in zip(labels, cells, strict=True)
    ] + [""]


def _cards(panel: Panel, columns: int) -> Iterator[str]:
    tables = [list(_table(card.buses)) for card in panel.cards]
    lines = iter(_aligned([row for table in tables for row in table])) if any(tables) else iter(())
    bodies = [
        [*_facts(card, columns - 4), *(next(lines) for _ in table)]
        for card, table in zip(panel.cards, tables, strict=True)
    ]
    width = max([columns - 4, *(len(line) for body in bodies for line in body)])
    for card, body in zip(panel.cards, bodies, strict=True):
        yield f"┌─ {card.title.marked} ".ljust(width + 3, "─") + "┐"
        yield from (f"│ {line.ljust(width)} │" for line in body)
        yield f"└{'─' * (width + 2)}┘"


def _facts(card: Card, width: int) -> Iterator[str]:
    if card.cpus is not None:
        yield from _wrapped("CPUs", f"{card.cpus.marked}{_sockets(card.sockets)}", width)
    if card.memory is not None:
        yield from _wrapped("memory", card.memory.marked, width)
    if card.huge_pages is not None and (card.huge_pages.text != "none" or card.huge_pages.mark):
        yield from _wrapped("huge pages", card.huge_pages.marked, width)


def _wrapped(label: str, text: str, width: int) -> list[str]:
    wrapped = textwrap.wrap(text, width - _LABEL_COLUMNS) or [""]
    labels = [label] + [""] * (len(wrapped) - 1)
    return [a.ljust(_LABEL_COLUMNS) + b for a, b in zip(labels, wrapped, strict=True)]


def _sockets(sockets: Sequence[Socket]) -> str:
    """What the list of CPUs does not say: ``; socket 0: (0 1) (2 3)``."""
    marked = any(cpu.mark for socket in sockets for core in socket.cores for cpu in core)
    if not sockets or (
        not marked and all(len(socket.cores) == len(socket.cores[0]) == 1 for socket in sockets)
    ):
        return ", each a socket" if len(sockets) > 1 else ""
    return "".join(
        f"; socket {socket.id}: {' '.join(map(_core, socket.cores))}" for socket in sockets
    )


def _core(cpus: Sequence[Text]) -> str:
    words = " ".join(f"{cpu.text}{cpu.mark.symbol.strip()}" for cpu in cpus)
    return f"({words})" if len(cpus) > 1 else words


def _table(buses: Iterable[Bus]) -> Iterator[Row]:
    for bus in buses:
        yield (bus.title.marked, *(_HEADINGS if bus.ports else [""] * len(_HEADINGS)))
        for index, port in enumerate(bus.ports):
            last = index == len(bus.ports) - 1
            branch = "└─ " if last else "├─ "
            stem = "   " if last else "│  "
            label = port.address.marked if port.address else "(no port)"
            rows = list(_nics(port.nics)) or [("(nothing)", "", "", "", "")]
            for number, row in enumerate(rows):
                yield ((stem if number else branch + label), *row)


def _nics(nics: Iterable[Nic]) -> Iterator[Row]:
    for nic in nics:
        yield _nic(nic, "")
        for index, vf in enumerate(nic.vfs):
            yield _nic(vf, "└ " if index == len(nic.vfs) - 1 else "├ ")


def _nic(nic: Nic, branch: str) -> Row:
    stray = f"on {nic.strays.marked}" if nic.strays else ""
    return (
        branch + nic.address.marked,
        nic.model.marked,
        nic.group.marked,
        nic.driver.marked,
        stray,
    )


def _differences(differences: Sequence[Difference]) -> list[str]:
    rows: list[Row] = [("", "what differs", "", "intended", "observed")]
    for difference in differences:
        mark = (
            Mark.MISSING
            if difference.observed is None
            else Mark.UNEXPECTED
            if difference.intended is None
            else Mark.DIFFERENT
        )
        rows.append(
            (
                mark.symbol,
                difference.thing,
                difference.property,
                difference.intended or "absent",
                difference.observed or "absent",
            )
        )
    return _aligned(rows)
