# SPDX-License-Identifier: Apache-2.0
"""Tables for people: columns without borders, which fit the terminal."""

import textwrap
from collections.abc import Sequence

from vhost_tempest_plugin.cli.terminal import Terminal, Tone

_GAP = "  "
_LEAST_FIELD = 20

# The lines of a cell.
_Cell = list[str]


def table(names: Sequence[str], rows: Sequence[Sequence[object]], terminal: Terminal) -> str:
    """The rows below their column names.

    Columns wrap between words to fit the terminal. Where even that does not fit, each row is
    printed as lines of name and value. Words are never broken.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = _fit([[_cell(name) for name in names], *cells], terminal.columns)
    if widths is None:
        return "\n".join(_filled(names, row, terminal) for row in rows)
    numeric = [_is_numeric([row[i] for row in rows]) for i in range(len(names))]
    heading, *_ = _row([[name] for name in names], widths, numeric)
    lines = [terminal.paint(heading, Tone.HEADING)]
    for row in cells:
        lines += _row(list(map(_wrap, row, widths)), widths, numeric)
    return "".join(f"{line}\n" for line in lines)


def fields(names: Sequence[str], values: Sequence[object], terminal: Terminal) -> str:
    """The fields of one thing, a line or more for each."""
    width = max(map(len, names), default=0)
    room = max(terminal.columns - width - len(_GAP), _LEAST_FIELD)
    lines = []
    for name, value in zip(names, values, strict=True):
        first, *rest = _wrap(_cell(value), room)
        lines.append(f"{terminal.paint(name.ljust(width), Tone.HEADING)}{_GAP}{first}".rstrip())
        lines += [f"{' ' * width}{_GAP}{line}" for line in rest]
    return "".join(f"{line}\n" for line in lines)


def _filled(names: Sequence[str], row: Sequence[object], terminal: Terminal) -> str:
    """The fields of a row that have a value."""
    kept = [(name, value) for name, value in zip(names, row, strict=True) if _cell(value) != [""]]
    return fields([name for name, _ in kept], [value for _, value in kept], terminal)


def _is_numeric(values: Sequence[object]) -> bool:
    """Whether a column has numbers and nothing else; some may lack."""
    filled = [value for value in values if value not in (None, "")]
    return bool(filled) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in filled
    )


def _cell(value: object) -> _Cell:
    return str("" if value is None else value).splitlines() or [""]


def _fit(rows: Sequence[Sequence[_Cell]], columns: int) -> list[int] | None:
    """A width for each column, or None where no widths fit: the widest give way first."""
    by_column = list(zip(*rows, strict=True))
    widths = [max(len(line) for cell in column for line in cell) for column in by_column]
    least = [
        max((len(word) for cell in column for line in cell for word in line.split()), default=0)
        for column in by_column
    ]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > columns:
        wider = [i for i, width in enumerate(widths) if width > least[i]]
        if not wider:
            return None
        widths[max(wider, key=lambda i: widths[i])] -= 1
    return widths


def _wrap(cell: _Cell, width: int) -> _Cell:
    wrapped: _Cell = []
    for line in cell:
        wrapped += textwrap.wrap(
            line, max(width, 1), break_long_words=False, break_on_hyphens=False
        ) or [""]
    return wrapped


def _row(cells: Sequence[_Cell], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    """The lines of a row; numbers are to the right."""
    lines = []
    for i in range(max(map(len, cells), default=0)):
        parts = (cell[i] if i < len(cell) else "" for cell in cells)
        lines.append(
            _GAP.join(
                part.rjust(width) if number else part.ljust(width)
                for part, width, number in zip(parts, widths, numeric, strict=True)
            ).rstrip()
        )
    return lines
