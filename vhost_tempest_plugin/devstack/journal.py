# SPDX-License-Identifier: Apache-2.0
"""What a test has changed of a devstack, on disk for as long as the change lasts.

Each change has an entry: a file that only this user can read, since devstack's files have
passwords in them, and a lock that its process holds.  An entry that nobody holds was left by a
process that was killed; the next command puts back what it lists.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.errors import BusyError, HostError
from vhost_tempest_plugin.util import atomic_file, json_record
from vhost_tempest_plugin.util.file_lock import FileLock

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file with another text.

    :param before: the whole text, to put back
    :param after: a digest of the text that it has got
    """

    path: Path
    before: str = field(repr=False)
    after: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What has been changed.

    :param services: of the machine, whose files were changed
    :param assignments: of nova-compute in the hosts, before and after; None where unchanged
    """

    files: tuple[FileChange, ...] = ()
    services: tuple[Service, ...] = ()
    assignments: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def __bool__(self) -> bool:
        return self != Changes()

    def __str__(self) -> str:
        hosts = ["nova-compute's options in the hosts"] if self.assignments is not None else []
        return ", ".join([*(str(change.path) for change in self.files), *hosts])

    def dump(self) -> str:
        """The changes as JSON."""
        return json_record.dump(self, _FORMAT)

    @classmethod
    def load(cls, text: str) -> "Changes":
        """Read what ``dump`` wrote.

        :raises ValueError: for anything else, saying what is wrong
        """
        return json_record.load(cls, text, _FORMAT)


class Entry:
    """Changes of one process; what is noted is on disk before it is done."""

    def __init__(self, path: Path, changes: Changes) -> None:
        self._path = path
        self.changes = changes

    def note_services(self, services: tuple[Service, ...]) -> None:
        """The files of these services are about to change."""
        self._write(replace(self.changes, services=services))

    def note_file(self, path: Path, before: str, after: str) -> None:
        """A file is about to get another text."""
        change = FileChange(path, before, digest(after))
        self._write(replace(self.changes, files=(*self.changes.files, change)))

    def note_assignments(self, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        """The options of nova-compute in the hosts are about to change."""
        self._write(replace(self.changes, assignments=(before, after)))

    def remove(self) -> None:
        """All of it has been put back."""
        self.changes = Changes()
        self._path.unlink(missing_ok=True)
        _lock(self._path).unlink(missing_ok=True)

    def _write(self, changes: Changes) -> None:
        atomic_file.write(self._path, changes.dump(), durable=True)
        self.changes = changes


@contextmanager
def begun(directory: Path) -> Iterator[Entry]:
    """A new entry below *directory*, held for as long as the block takes.

    To be begun, like ``abandoned``, while the devstack is held.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    numbers = (int(lock.stem) for lock in directory.glob("*.lock"))
    path = directory / f"{max(numbers, default=0) + 1}.json"
    with FileLock.create(_lock(path)) as lock:
        if not lock.take():
            raise BusyError(f"another process holds {lock.path}", hint="wait for it or end it")
        yield Entry(path, Changes())


def abandoned(directory: Path) -> Iterator[Entry]:
    """The entries of processes that are gone, the newest first; held while they are used.

    :raises HostError: one cannot be read
    """
    locks = sorted(directory.glob("*.lock"), key=lambda lock: int(lock.stem), reverse=True)
    for path in locks:
        with FileLock.create(path) as lock:
            if lock.take():
                yield _read(path.with_suffix(".json"))


def digest(text: str) -> str:
    """What stands for a text that need not be kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> Entry:
    try:
        return Entry(
            path, Changes.load(path.read_text(encoding="utf-8")) if path.exists() else Changes()
        )
    except (OSError, ValueError) as error:
        raise HostError(
            f"{path}, which lists what a test has changed of devstack, cannot be read: {error}",
            hint="remove it and its lock, and run stack.sh again",
        ) from None


def _lock(path: Path) -> Path:
    return path.with_suffix(".lock")
