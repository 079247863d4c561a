# SPDX-License-Identifier: Apache-2.0
"""Directories that are made once and kept, keyed by a digest of what went into them.

``<cache>/<kind>/<digest>`` is complete where it exists and nothing of the same name with
``.partial`` is beside it.  It is made as the latter and renamed, or made where it stays while
the latter marks it.  Whoever makes one holds the kind's lock; others wait for it.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vhost_tempest_plugin import paths
from vhost_tempest_plugin.errors import MachineError
from vhost_tempest_plugin.progress import Progress

_PARTIAL = ".partial"
_DIGEST_CHARS = 16


def digest(*ingredients: str | bytes) -> str:
    """A short name for *ingredients*; their order and borders count."""
    state = hashlib.sha256()
    for ingredient in ingredients:
        data = ingredient.encode() if isinstance(ingredient, str) else ingredient
        state.update(b"%d:" % len(data))
        state.update(data)
    return state.hexdigest()[:_DIGEST_CHARS]


def place(kind: str, digest: str) -> Path:
    """Where the directory *digest* of *kind* is, once it has been made."""
    return paths.cache() / kind / digest


def obtain(
    kind: str,
    digest: str,
    make: Callable[[Path], None],
    progress: Progress,
    *,
    in_place: bool = False,
) -> Path:
    """The directory *digest* of *kind*, made by *make* in an empty one if there is none.

    :param in_place: it must be made where it stays, since its own path will be in its files
    :raises MachineError: the cache cannot be written
    """
    made = place(kind, digest)
    partial = made.with_name(digest + _PARTIAL)
    if made.is_dir() and not partial.exists():
        return made
    with _lock(made.parent, progress):
        for leftover in made.parent.glob(f"*{_PARTIAL}"):
            progress(f"removing what an interrupted build left: {leftover}")
            _discard(leftover)
        if made.is_dir():
            return made
        try:
            partial.mkdir()
            if in_place:
                made.mkdir()
                make(made)
                partial.rmdir()
            else:
                make(partial)
                partial.rename(made)
        except OSError as error:
            raise MachineError(
                f"cannot write the cache {made.parent}: {error.strerror or error};"
                " free some space or set XDG_CACHE_HOME"
            ) from error
        finally:
            if partial.exists():
                _discard(partial)
    return made


def _discard(partial: Path) -> None:
    """Remove what is half made; the mark goes last."""
    shutil.rmtree(partial.with_name(partial.name.removesuffix(_PARTIAL)), ignore_errors=True)
    shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _lock(directory: Path, progress: Progress) -> Iterator[None]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MachineError(
            f"cannot write the cache {directory}: {error.strerror}; set XDG_CACHE_HOME"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"another command is building in {directory}; waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
