# SPDX-License-Identifier: Apache-2.0
"""What a process waits for at the moment, in a file that another process reads."""

import time
from contextlib import suppress
from pathlib import Path

_SUFFIX = ".waiting"


class CurrentWait:
    """The file of what is done under a name; there is none while nothing is waited for.

    It has one line, what is waited for, and is as old as the wait.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._path = directory / f"{name}{_SUFFIX}"

    def __call__(self, what: str) -> None:
        """From now on *what* is waited for; nothing where it is empty."""
        if what:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(f"{what}\n", encoding="utf-8")
        else:
            self._path.unlink(missing_ok=True)


def read(directory: Path, name: str) -> str:
    """What is waited for and since when, in words; empty where that is not known.

    :param name: or its end, from a dot on
    """
    for path in sorted(
        (*directory.glob(f"{name}{_SUFFIX}"), *directory.glob(f"*.{name}{_SUFFIX}"))
    ):
        # It ends at any time.
        with suppress(OSError):
            what, begun_s = path.read_text(encoding="utf-8").strip(), path.stat().st_mtime
            if what:
                return f"waits for {what}, {max(time.time() - begun_s, 0.0):.0f} s"
    return ""
