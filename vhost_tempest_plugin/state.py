# SPDX-License-Identifier: Apache-2.0
"""The hosts on this machine: a directory each, with a lock and a record.

Nothing of a host is outside its directory but its processes, which the record finds.
"""

import fcntl
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin import paths
from vhost_tempest_plugin.errors import BusyError, HostError, InputError, MachineError
from vhost_tempest_plugin.progress import Progress, silent
from vhost_tempest_plugin.record import HostRecord

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?\Z", re.ASCII)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_REMOVED = ".removed"
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class HostDirectory:
    """The files of one host; ``of`` makes it from a name."""

    path: Path

    @classmethod
    def of(cls, name: str) -> "HostDirectory":
        """The directory of the host *name*, whether there is one or not.

        :raises InputError: it is no host name
        """
        if not _NAME.match(name):
            raise InputError(
                f"{name!r} is no host name; use at most 40 small letters, digits and hyphens, "
                "a letter first"
            )
        return cls(_hosts() / name)

    @property
    def name(self) -> str:
        """The host's."""
        return self.path.name

    @property
    def topology(self) -> Path:
        """The topology as it was brought up."""
        return self.path / "topology.yaml"

    @property
    def overlay(self) -> Path:
        """The disk: what the host wrote, over the shared image."""
        return self.path / "overlay.qcow2"

    @property
    def seed(self) -> Path:
        """The initrd with the host's own keys behind it."""
        return self.path / "initrd"

    @property
    def console_log(self) -> Path:
        """All that its serial console said since the last boot."""
        return self.path / "console.log"

    @property
    def saved(self) -> Path:
        """Its memory and devices, while it is saved."""
        return self.path / "saved"

    @property
    def client_key(self) -> Path:
        """The private key that it accepts."""
        return self.path / "client_key"

    @property
    def host_key(self) -> Path:
        """The private key by which it proves itself."""
        return self.path / "host_key"

    @property
    def known_hosts(self) -> Path:
        """Its public key for ssh; the host's name is its alias there."""
        return self.path / "known_hosts"

    @property
    def libvirt_root(self) -> Path:
        """Where the private libvirt keeps its own files."""
        return self.path / "libvirt"

    @property
    def exists(self) -> bool:
        """Whether there is anything of this host."""
        return self.path.is_dir()

    @property
    def is_recorded(self) -> bool:
        """Whether a command got as far as to write the record."""
        return self._record.exists()

    def read(self) -> HostRecord:
        """The record.

        :raises InputError: there is no such host
        :raises HostError: the record is missing or damaged
        """
        if not self.exists:
            raise InputError(f"there is no host {self.name!r}; see 'vhost list'")
        try:
            return HostRecord.load(self._record.read_text())
        except (OSError, ValueError) as error:
            raise HostError(
                f"the record of {self.name!r} cannot be read ({error}); "
                f"run 'vhost destroy {self.name}'"
            ) from None

    def write(self, record: HostRecord) -> None:
        """Replace the record, whole or not at all.

        :raises MachineError: the disk does not take it
        """
        partial = self._record.with_suffix(".partial")
        try:
            with os.fdopen(os.open(partial, _WRITE, 0o600), "w") as file:
                file.write(record.dump())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._record)
        except OSError as error:
            raise MachineError(f"cannot write {self._record}: {error}; free some space") from None

    @contextmanager
    def locked(
        self, *, create: bool = False, wait_s: float = 0, progress: Progress = silent
    ) -> Iterator[None]:
        """Hold the host, so that no other command changes it meanwhile.

        :param create: make the directory where there is none; without a record written
            within, it is removed again
        :param wait_s: how long to wait for another command
        :raises BusyError: another command holds it all that time
        :raises InputError: there is no such host
        """
        lock = self._acquire(create, time.monotonic() + wait_s, progress)
        try:
            yield
        finally:
            if create and not self._record.exists():
                self.remove()
            os.close(lock)

    def remove(self) -> None:
        """Remove all files; to be called while the lock is held.

        :raises MachineError: some cannot be removed
        """
        try:
            # Renamed first, so that it goes at once for who waits for the lock.
            self.path.rename(self.path.with_name(f".{self.name}.{os.getpid()}{_REMOVED}"))
        except FileNotFoundError:
            return
        except OSError as error:
            raise MachineError(f"cannot remove {self.path}: {error.strerror}") from None
        _sweep()

    @property
    def _record(self) -> Path:
        return self.path / "record.json"

    @property
    def _lock(self) -> Path:
        return self.path / "lock"

    def _acquire(self, create: bool, limit_s: float, progress: Progress) -> int:
        told = False
        while True:
            lock = self._open_lock(create)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(lock, 300, 0).decode(errors="replace") or "another command"
                os.close(lock)
                if time.monotonic() >= limit_s:
                    raise BusyError(
                        f"host {self.name!r} is in use by {holder}; wait for it or end it"
                    ) from None
                if not told:
                    progress(f"waiting for {holder}, which holds host {self.name!r}")
                    told = True
                time.sleep(_POLL_S)
                continue
            if self._is_current(lock):
                os.ftruncate(lock, 0)
                os.pwrite(lock, _myself().encode(), 0)
                return lock
            os.close(lock)

    def _open_lock(self, create: bool) -> int:
        try:
            if create:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                _sweep()
            return os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            raise InputError(f"there is no host {self.name!r}; see 'vhost list'") from None
        except OSError as error:
            raise MachineError(
                f"cannot write {self.path}: {error.strerror}; see XDG_STATE_HOME"
            ) from None

    def _is_current(self, lock: int) -> bool:
        """Whether the lock is still the host's: 'destroy' removes it with the directory."""
        try:
            return os.path.samestat(os.fstat(lock), self._lock.stat())
        except FileNotFoundError:
            return False


def list_hosts() -> list[HostDirectory]:
    """All hosts of this user by name, those with a damaged record included."""
    if not _hosts().is_dir():
        return []
    return [HostDirectory(path) for path in sorted(_hosts().iterdir()) if _NAME.match(path.name)]


def _hosts() -> Path:
    return paths.state() / "hosts"


def _sweep() -> None:
    """Remove hosts that were destroyed, also where that was interrupted."""
    for removed in _hosts().glob(f".*{_REMOVED}"):
        try:
            shutil.rmtree(removed)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise MachineError(f"cannot remove {removed}: {error}; remove it as root") from None


def _myself() -> str:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return f"pid {os.getpid()} ({command[:200]})"
