# SPDX-License-Identifier: Apache-2.0
"""Files that another process appends to, for as long as it likes."""

from pathlib import Path


def tail(path: Path, limit_bytes: int) -> str:
    """The end of a file.

    :raises OSError: it cannot be read
    """
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - limit_bytes))
        return file.read(limit_bytes).decode(errors="replace")


def cut(path: Path, limit_bytes: int, keep_bytes: int) -> None:
    """Cut the beginning of a file that has become longer than *limit_bytes*; none is fine.

    Who appends to it (O_APPEND) goes on with the same file.  What comes meanwhile may be lost.

    :param keep_bytes: how much of its end stays, in whole lines
    """
    try:
        with path.open("r+b") as file:
            size = file.seek(0, 2)
            if size <= limit_bytes:
                return
            file.seek(size - keep_bytes)
            _, _, kept = file.read(keep_bytes).partition(b"\n")
            file.truncate(0)
        with path.open("ab") as file:
            file.write(b"[%d bytes before this were cut]\n%b" % (size - len(kept), kept))
    except FileNotFoundError:
        return
