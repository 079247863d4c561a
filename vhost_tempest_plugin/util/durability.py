# SPDX-License-Identifier: Apache-2.0
"""What must outlive a power cut: flushing it, and noticing that some of it is lost all the same.

A directory that is complete has a list of its files and their sizes. File systems may keep the
name of a file and lose its content, so that it is empty or shorter.
"""

import ctypes
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIST = "contents.json"

# Python has no syncfs(2).
_LIBC = ctypes.CDLL(None, use_errno=True)


def flush(path: Path) -> None:
    """Put a file, or the names in a directory, on the disk.

    :raises OSError: the disk does not take it
    """
    with _opened(path) as descriptor:
        os.fsync(descriptor)


def flush_file_system(directory: Path) -> None:
    """Put all that was written to the file system of *directory* on the disk (syncfs(2)).

    :raises OSError: the disk does not take it
    """
    with _opened(directory) as descriptor:
        if _LIBC.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))


def seal(directory: Path) -> None:
    """List the files of a directory that is complete, and put all of it on the disk.

    :raises OSError: the disk does not take it
    """
    sizes = {str(path.relative_to(directory)): path.stat().st_size for path in _files(directory)}
    (directory / LIST).write_text(json.dumps(sizes), encoding="utf-8")
    flush_file_system(directory)


def is_whole(directory: Path) -> bool:
    """Whether a directory was sealed, and has all files in their sizes still."""
    try:
        sizes = json.loads((directory / LIST).read_text(encoding="utf-8"))
        return all((directory / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def rename(made: Path, place: Path) -> None:
    """Give a sealed directory, or a flushed file, its name, on the disk too.

    :raises OSError: the disk does not take it
    """
    made.replace(place)
    flush(place.parent)


def _files(directory: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(directory):
        for name in names:
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
