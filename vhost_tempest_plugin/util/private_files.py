# SPDX-License-Identifier: Apache-2.0
"""Files and sockets that are the user's alone."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def touch(path: Path) -> None:
    """Make a file that others are going to write, so that it is the user's alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


@contextmanager
def near(socket: Path) -> Iterator[str]:
    """A name by which this process can connect to a socket, however long the way to it.

    What unix(7) takes has 107 bytes at most.
    """
    with contextlib.ExitStack() as stack:
        directory = os.open(socket.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, directory)
        yield f"/proc/self/fd/{directory}/{socket.name}"
