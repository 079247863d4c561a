# SPDX-License-Identifier: Apache-2.0
"""What the output goes to: how wide it is, and whether it shows colours."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TextIO

# The width of a file or pipe, which has none: lines stay short enough to read.
_COLUMNS_ELSEWHERE = 140
_LEAST_COLUMNS = 40
_RESET = "\x1b[0m"


class Tone(StrEnum):
    """What a word is to be taken for; the values are terminal attributes (ECMA-48, SGR)."""

    GOOD = "32"
    BAD = "1;31"
    WARNING = "33"
    SOFT = "2"
    HEADING = "1"


# All that ``paint`` writes.
SEQUENCES = frozenset((_RESET, *(f"\x1b[{tone}m" for tone in Tone)))


@dataclass(frozen=True, slots=True)
class Terminal:
    """A stream's width and abilities.

    :param columns: characters in a line
    :param colours: whether escape sequences may be written
    """

    columns: int = 80
    colours: bool = False

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str] = os.environ) -> Self:
        """What *stream* is.

        ``COLUMNS`` overrides the width. There are no colours in a file or pipe, on a ``dumb``
        terminal, or where ``NO_COLOR`` is set (https://no-color.org).
        """
        is_terminal = stream.isatty()
        wanted = environment.get("COLUMNS", "")
        columns = int(wanted) if wanted.isdecimal() else 0
        if not columns:
            columns = _width(stream) if is_terminal else _COLUMNS_ELSEWHERE
        dumb = environment.get("TERM", "dumb") == "dumb"
        colours = is_terminal and not dumb and not environment.get("NO_COLOR")
        return cls(max(columns, _LEAST_COLUMNS), colours)

    def paint(self, text: str, tone: Tone | None) -> str:
        """The text in a tone, as it is where there are no colours."""
        return f"\x1b[{tone}m{text}{_RESET}" if self.colours and tone and text else text


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return 80
