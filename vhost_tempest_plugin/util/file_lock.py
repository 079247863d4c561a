# SPDX-License-Identifier: Apache-2.0
"""Locks on files, which end with the process that holds them.

They are those of flock(2).  The record locks of fcntl(2), which fasteners and oslo.concurrency
take, do not do here: they are a whole process's, so that one holder does not exclude another in
the same process; they are lost when that process closes the file anywhere, as it does after
reading who the holder is; and they need a file that may be written.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class FileLock:
    """An open file, locked once it has been taken; a context manager, which closes it.

    Programs that are run do not inherit it.
    """

    path: Path
    _descriptor: int

    @classmethod
    def create(cls, path: Path) -> Self:
        """Open a lock file, which is made where there is none; only this user may read it.

        :raises OSError: it can be neither opened nor made
        """
        return cls(path, os.open(path, os.O_RDWR | os.O_CREAT, 0o600))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def take(self) -> bool:
        """Lock it, unless another holds it; returns whether it is locked now."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait(self) -> None:
        """Lock it, however long another holds it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    @property
    def is_current(self) -> bool:
        """Whether its path still leads to it: the file may have been removed and made anew."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def read(self) -> str:
        """What its holder has written into it."""
        return os.pread(self._descriptor, 300, 0).decode(errors="replace")

    def write(self, text: str) -> None:
        """Replace what is in it; for its holder, to say who it is."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def close(self) -> None:
        """Give it up; the file stays."""
        os.close(self._descriptor)
