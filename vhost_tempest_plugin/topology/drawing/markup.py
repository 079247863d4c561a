# SPDX-License-Identifier: Apache-2.0
"""The pieces of graphviz's HTML-like labels (graphviz.org, "Node Shapes"), and the colours."""

from collections.abc import Iterable
from html import escape

from vhost_tempest_plugin.topology.drawing.differences import Mark
from vhost_tempest_plugin.topology.drawing.model import Text

SANS = "DejaVu Sans,Verdana,sans-serif"
MONO = "DejaVu Sans Mono,Menlo,monospace"
INK = "#16222e"
FAINT = "#52616f"
RULE = "#aebbc7"
HEAD = "#264b73"
PAPER = "#ffffff"
CARD = "#f6f9fb"
BAND = "#dde7f0"
# Apart for those too who do not see all colours (Okabe and Ito's palette, lightened).
FILL = {Mark.MISSING: "#f9cdae", Mark.UNEXPECTED: "#b8ddf5", Mark.DIFFERENT: "#faeb93"}

Attribute = str | int


def escaped(text: str) -> str:
    """Any text as a label's content."""
    return escape("".join(c if c.isprintable() else "�" for c in text))


def quoted(text: str) -> str:
    """Any text as an attribute's value outside of labels."""
    printable = "".join(c if c.isprintable() else "�" for c in text)
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _attributes(attributes: dict[str, Attribute]) -> str:
    return "".join(f' {name}="{value}"' for name, value in attributes.items())


def table(rows: str, **attributes: Attribute) -> str:
    """A table of rows."""
    return f"<table{_attributes(attributes)}>{rows}</table>"


def row(cells: Iterable[str]) -> str:
    """A row of cells."""
    return f"<tr>{''.join(cells)}</tr>"


def cell(content: str, mark: Mark = Mark.SAME, **attributes: Attribute) -> str:
    """A cell, filled with the mark's colour."""
    filled: dict[str, Attribute] = {"bgcolor": FILL[mark]} if mark else {}
    return f"<td{_attributes(attributes | filled)}>{content}</td>"


def font(content: str, *, size: int | None = None, **attributes: str) -> str:
    """Content in another font; graphviz refuses a font of nothing."""
    sized: dict[str, Attribute] = {**attributes, **({"point-size": size} if size else {})}
    return f"<font{_attributes(sized)}>{content}</font>" if content else ""


def faint(text: str) -> str:
    """A label or heading."""
    return font(escaped(text), color=FAINT, size=10)


def bold(text: str) -> str:
    """Text in bold."""
    return f"<b>{escaped(text)}</b>"


def words(text: Text, *, mono: bool = False, in_words: bool = False) -> str:
    """A text with its mark's symbol, and with its word too where there is room."""
    shown = f"{text.text} {text.mark.symbol}" if text.mark else text.text
    content = escaped(f"{shown} {text.mark}" if in_words and text.mark else shown)
    return font(content, face=MONO) if mono else content


def bold_text(text: Text) -> str:
    """A text in bold with its mark's symbol."""
    return f"<b>{words(text)}</b>"
