# SPDX-License-Identifier: Apache-2.0
"""The file with what a host says on its serial console.

QEMU appends to it without a limit of its own; who looks at it cuts it.
"""

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path

from vhost_tempest_plugin.host import console
from vhost_tempest_plugin.host.console import Stage
from vhost_tempest_plugin.util import growing_file
from vhost_tempest_plugin.util.waiting import wait_for

LIMIT_BYTES = 16 << 20
KEPT_BYTES = 4 << 20
# For the last lines, and why a boot failed.
TAIL_BYTES = 256 << 10
_PIECE_BYTES = 1 << 20
_POLL_S = 0.2
# More than any mark of a stage has.
_OVERLAP_CHARS = 80


def cut(log: Path) -> None:
    """Make it short enough, where it is not."""
    growing_file.cut(log, LIMIT_BYTES, KEPT_BYTES)


class StageReader:
    """Follows a boot, and reads each byte once."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read_bytes = 0
        self._last = ""
        self._stage = Stage.FIRMWARE

    def read(self) -> Stage:
        """How far the boot has come."""
        text = self._last + self._piece().decode(errors="replace")
        self._last = text[-_OVERLAP_CHARS:]
        self._stage = max(self._stage, console.stage(text), key=tuple(Stage).index)
        return self._stage

    def _piece(self) -> bytes:
        cut(self._log)
        try:
            with self._log.open("rb") as file:
                if file.seek(0, 2) < self._read_bytes:
                    self._read_bytes = 0
                file.seek(self._read_bytes)
                piece = file.read(_PIECE_BYTES)
        except FileNotFoundError:
            return b""
        self._read_bytes += len(piece)
        return piece


def pieces(log: Path, goes_on: Callable[[], bool]) -> Iterator[str]:
    """What is in it, and what comes as long as *goes_on*.

    :raises FileNotFoundError: there is none
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with log.open("rb") as file:

        def more() -> bytes | None:
            alive = goes_on()
            if file.seek(0, 2) < position:
                file.seek(0)
            else:
                file.seek(position)
            return file.read(_PIECE_BYTES) or (None if alive else b"")

        position = 0
        while piece := wait_for(more, "the console", None, poll_s=_POLL_S):
            position = file.tell()
            yield decoder.decode(piece)
