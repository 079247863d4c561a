# SPDX-License-Identifier: Apache-2.0
"""The standard streams of a command, which may be closed, and what of others' bytes they show.

What hosts and servers print, down to file names and messages, comes from who may be root there: to
a terminal escape sequences are commands, which move the cursor, set the title or type keys.
"""

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from vhost_tempest_plugin.cli.terminal import SEQUENCES

_DESCRIPTORS = range(3)
# ECMA-48: control sequences, control strings, and the escape sequences of two or more characters.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[PX\]^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_UNUSUAL = re.compile(r"[^ -~\n\t]")
_LINE_END = "\r\n"
_REPLACEMENT = "\ufffd"


def printable(text: str) -> str:
    """The text without escape sequences, but those of our colours; other controls are replaced."""
    if "\x1b" in text or not text.isascii():
        text = _SEQUENCE.sub(lambda found: found[0] if found[0] in SEQUENCES else "", text)
    return _UNUSUAL.sub(_shown, text.replace(_LINE_END, "\n"))


class _Stream(io.TextIOWrapper):
    """Writes what can be printed, in any locale."""

    def write(self, text: str, /) -> int:
        super().write(printable(text))
        return len(text)


@contextmanager
def prepared() -> Iterator[None]:
    """A block with standard streams that can be used; those that are closed lead nowhere."""
    _open_closed()
    before = sys.stdin, sys.stdout, sys.stderr
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _filtered(sys.stdout, 1), _filtered(sys.stderr, 2)
    try:
        yield
    finally:
        ours = sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = before
        for stream in ours:
            if isinstance(stream, _Stream):
                with suppress(OSError):
                    stream.detach()


def _open_closed() -> None:
    """Open what is closed of 0, 1 and 2: a file that is opened later would get the number."""
    for number in _DESCRIPTORS:
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _filtered(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        return _Stream(
            io.BufferedWriter(io.FileIO(number, "w", closefd=False)),
            encoding="utf-8",
            errors="replace",
        )
    if not isinstance(stream, io.TextIOWrapper) or isinstance(stream, _Stream):
        return stream
    stream.flush()
    return _Stream(
        stream.buffer,
        encoding=stream.encoding,
        errors="replace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _shown(found: re.Match[str]) -> str:
    if found[0] == "\x1b" and found.string.startswith(tuple(SEQUENCES), found.start()):
        return found[0]
    return found[0] if found[0].isprintable() else _REPLACEMENT
