# SPDX-License-Identifier: Apache-2.0
"""Directories that are made once and kept, keyed by a digest of what went into them.

``<cache>/<kind>/<digest>`` is complete where it is sealed, all its files have their sizes and
nothing of the same name with ``.partial`` is beside it.  It is made as the latter and renamed, or
made where it stays while the latter marks it; the mark goes only when what it marks is on the
disk, or has another name.  Whoever makes one holds the kind's lock; others wait for it.

One that is damaged, or is to be made again, is left as it is for who uses it.  The new one has
another name, which ``<digest>.remade`` holds.
"""

import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.util import atomic_file, durability, paths, removal
from vhost_tempest_plugin.util.file_lock import FileLock
from vhost_tempest_plugin.util.progress import Progress

_LOG = logging.getLogger(__name__)
_PARTIAL = ".partial"
_REMADE = ".remade"
_DIGEST_CHARS = 16
_NAME = re.compile(rf"[0-9a-f]{{{_DIGEST_CHARS}}}")


@dataclass(frozen=True, slots=True)
class Unused:
    """A directory that nobody needs; *size_mib* is what its removal frees."""

    kind: str
    digest: str
    size_mib: int


def digest(*ingredients: str | bytes) -> str:
    """A short name for *ingredients*; their order and borders count."""
    state = hashlib.sha256()
    for ingredient in ingredients:
        data = ingredient.encode() if isinstance(ingredient, str) else ingredient
        state.update(b"%d:" % len(data))
        state.update(data)
    return state.hexdigest()[:_DIGEST_CHARS]


def place(kind: str, name: str) -> Path:
    """Where the directory *name* of *kind* is, once it has been made."""
    return paths.cache() / kind / name


def current(kind: str, digest: str) -> str:
    """The name of the directory *digest* of *kind*: another one where it was made again."""
    try:
        name = place(kind, digest + _REMADE).read_text(encoding="utf-8")
    except OSError:
        return digest
    return name if _NAME.fullmatch(name) else digest


def is_whole(kind: str, name: str) -> bool:
    """Whether a directory is there, complete and not damaged."""
    made = place(kind, name)
    return not made.with_name(name + _PARTIAL).exists() and durability.is_whole(made)


def whole(kind: str) -> set[str]:
    """The names of all directories that are whole."""
    found = place(kind, "none").parent.glob("*")
    return {path.name for path in found if path.is_dir() and is_whole(kind, path.name)}


def obtain(
    kind: str,
    digest: str,
    make: Callable[[Path], None],
    progress: Progress,
    *,
    in_place: bool = False,
    anew: bool = False,
) -> Path:
    """The directory *digest* of *kind*, made by *make* in an empty one if there is none.

    One that is damaged is made again.

    :param in_place: it must be made where it stays, since its own path will be in its files
    :param anew: make it again even where it is whole
    :raises LocalError: the cache cannot be written
    """
    name = current(kind, digest)
    if is_whole(kind, name) and not anew:
        return place(kind, name)
    directory = place(kind, digest).parent
    with _lock(directory, progress):
        for leftover in directory.glob(f"*{_PARTIAL}"):
            progress(f"removing what an interrupted build left: {leftover}")
            _set_aside(leftover)
        _sweep(directory, progress)
        name = current(kind, digest)
        if is_whole(kind, name) and not anew:
            return place(kind, name)
        if place(kind, name).is_dir():
            if not anew:
                progress(f"{place(kind, name)} is damaged; making it again")
            name = secrets.token_hex(_DIGEST_CHARS // 2)
        made = place(kind, name)
        try:
            _make(made, make, in_place)
            if name != digest:
                note = place(kind, digest + _REMADE)
                atomic_file.write(note, name, durable=True)
        except OSError as error:
            raise LocalError(
                f"cannot write the cache {directory}: {error.strerror or error}",
                hint="free some space or set XDG_CACHE_HOME",
            ) from error
        finally:
            if made.with_name(name + _PARTIAL).exists():
                _set_aside(made.with_name(name + _PARTIAL))
                _sweep(directory, progress)
    return made


def _make(made: Path, make: Callable[[Path], None], in_place: bool) -> None:
    """Make a directory; its mark is on the disk before it is begun and until it is whole."""
    partial = made.with_name(made.name + _PARTIAL)
    partial.mkdir()
    if in_place:
        durability.flush(made.parent)
        made.mkdir()
        make(made)
        durability.seal(made)
        partial.rmdir()
        durability.flush(made.parent)
    else:
        make(partial)
        durability.seal(partial)
        durability.rename(partial, made)


# Of which caches it has been said that they cannot be written.
_given_up: set[Path] = set()


def do_without(place: Path, reason: str) -> None:
    """Say, once in a process, that what only saves time cannot be kept."""
    if place in _given_up:
        return
    _given_up.add(place)
    _LOG.warning("the cache %s cannot be written (%s); going on without it", place, reason)


def prune(
    kind: str, used: Callable[[], Collection[str]], progress: Progress, *, dry_run: bool = False
) -> list[Unused]:
    """Remove what of *kind* is not used, while nobody makes one.

    :param used: the names of what is; asked while none can be made
    :param dry_run: remove nothing
    :returns: what was or would be removed
    :raises LocalError: the cache cannot be written
    """
    directory = place(kind, "none").parent
    if not directory.is_dir():
        return []
    with _lock(directory, progress):
        keep = used()
        unused = [
            path
            for path in sorted(directory.iterdir())
            if path.is_dir() and not path.suffix and path.name not in keep
        ]
        found = [Unused(kind, path.name, _size_mib(path)) for path in unused]
        for path in () if dry_run else unused:
            removal.remove(path)
        for note in () if dry_run else directory.glob(f"*{_REMADE}"):
            if not place(kind, current(kind, note.stem)).exists():
                note.unlink()
    return found


def _size_mib(directory: Path) -> int:
    """The room that a directory's files take on the disk, holes left out."""
    return sum(path.lstat().st_blocks * 512 for path in directory.rglob("*")) >> 20


def _set_aside(partial: Path) -> None:
    """Take what is half made out of the way; the mark goes last.

    :raises LocalError: it is in the way still, and so is the mark
    """
    removal.set_aside(partial.with_name(partial.name.removesuffix(_PARTIAL)))
    removal.set_aside(partial)


def _sweep(directory: Path, progress: Progress) -> None:
    """Remove what was set aside; what stays takes room and does no harm."""
    try:
        removal.sweep(directory)
    except LocalError as error:
        progress(str(error))


@contextmanager
def _lock(directory: Path, progress: Progress) -> Iterator[None]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock.create(directory / "lock")
    except OSError as error:
        raise LocalError(
            f"cannot write the cache {directory}: {error.strerror}", hint="set XDG_CACHE_HOME"
        ) from error
    with lock:
        if not lock.take():
            progress(f"another command is building in {directory}; waiting for it")
            lock.wait()
        yield
