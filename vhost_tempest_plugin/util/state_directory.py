# SPDX-License-Identifier: Apache-2.0
"""Things with a name on this machine: a directory each, with a lock and a record.

What a thing is, its own module says; here is what they share: they are found by name,
one command at a time changes one, a record is written whole or not at all, and removing
one that was half removed goes on.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Protocol, Self, TypeVar

from vhost_tempest_plugin.errors import HostError, InputError, LocalError, VhostCommand
from vhost_tempest_plugin.util import atomic_file, paths, removal
from vhost_tempest_plugin.util.command_lock import CommandLock
from vhost_tempest_plugin.util.file_lock import FileLock
from vhost_tempest_plugin.util.name import LONGEST_CHARS, is_name, rule
from vhost_tempest_plugin.util.processes import Process
from vhost_tempest_plugin.util.progress import Progress, silent

# How long a command waits for another one that may be bringing up what this one is to change.
WAIT_S = 1800.0


class Record(Protocol):
    """What is remembered of a thing."""

    def dump(self) -> str:
        """Its text."""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class NamedDirectory(ABC, Generic[R]):
    """The files of one thing; ``of`` makes it from a name.

    :cvar noun: what it is, for messages; all of a kind are in the state's ``<noun>s``
    :cvar overview: the command that lists them
    :cvar longest_chars: of a name
    """

    noun: ClassVar[str]
    overview: ClassVar[VhostCommand]
    longest_chars: ClassVar[int] = LONGEST_CHARS

    path: Path

    @classmethod
    def of(cls, name: str) -> Self:
        """The directory of the one called *name*, whether it exists or not.

        :raises InputError: it is no name
        """
        if not is_name(name, cls.longest_chars):
            raise InputError(
                f"{name!r} is no {cls.noun} name",
                hint=f"use {rule(cls.longest_chars)}",
            )
        return cls(cls._base() / name)

    @classmethod
    def all(cls) -> list[Self]:
        """All of this user by name, those with a damaged record included."""
        if not cls._base().is_dir():
            return []
        paths_of_all = sorted(cls._base().iterdir())
        return [cls(path) for path in paths_of_all if is_name(path.name, cls.longest_chars)]

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.name

    @property
    @abstractmethod
    def removal(self) -> VhostCommand:
        """The command that removes it."""

    @property
    def exists(self) -> bool:
        """Whether there is anything of it."""
        return self.path.is_dir()

    @property
    def is_recorded(self) -> bool:
        """Whether a command got as far as to write the record."""
        return self._record.exists()

    def existing(self) -> Self:
        """Itself.

        :raises InputError: there is none of this name
        """
        if not self.exists:
            raise InputError(f"there is no {self.noun} {self.name!r}", hint=f"see {self.overview}")
        return self

    @staticmethod
    @abstractmethod
    def load(text: str) -> R:
        """From the text of a record.

        :raises ValueError: it is none; the message says what is wrong
        """

    def read(self) -> R:
        """The record.

        :raises InputError: there is none of this name
        :raises HostError: the record is missing or damaged
        """
        self.existing()
        try:
            return self.load(self._record.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise HostError(
                f"the record of {self.name!r} cannot be read ({error})",
                hint=f"run {self.removal}",
            ) from None

    def write(self, record: R) -> None:
        """Replace the record, whole or not at all.

        :raises LocalError: the disk does not take it
        """
        atomic_file.write(self._record, record.dump(), durable=True)

    @contextmanager
    def locked(
        self, *, create: bool = False, wait_s: float = 0, progress: Progress = silent
    ) -> Iterator[None]:
        """Hold it, so that no other command changes it meanwhile.

        :param create: make the directory where there is none; without a record written
            within, it is removed again
        :param wait_s: how long to wait for another command
        :raises BusyError: another command holds it all that time
        :raises InputError: there is none of this name
        """
        with self._lock.acquire(lambda: self._opened_lock(create), wait_s, progress):
            try:
                yield
            finally:
                if create and not self._record.exists():
                    self.remove()

    def holders(self) -> list[Process]:
        """The process of the command that holds it, if one of this user's does."""
        return self._lock.holders()

    def remove(self) -> None:
        """Remove all files; to be called while the lock is held.

        :raises LocalError: some cannot be removed
        """
        removal.remove(self.path)

    @property
    def _record(self) -> Path:
        return self.path / "record.json"

    @property
    def _lock(self) -> CommandLock:
        return CommandLock(self.path / "lock", f"{self.noun} {self.name!r}")

    def _opened_lock(self, create: bool) -> FileLock:
        try:
            if create:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                removal.sweep(self._base())
            return FileLock.create(self._lock.path)
        except FileNotFoundError:
            raise InputError(
                f"there is no {self.noun} {self.name!r}", hint=f"see {self.overview}"
            ) from None
        except OSError as error:
            raise LocalError(
                f"cannot write {self.path}: {error.strerror}", hint="see XDG_STATE_HOME"
            ) from None

    @classmethod
    def _base(cls) -> Path:
        return paths.state() / f"{cls.noun}s"
