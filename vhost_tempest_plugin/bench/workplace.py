# SPDX-License-Identifier: Apache-2.0
"""Where a measurement works: hosts, labs and caches of its own, gone when it ends.

One at a time, since two would slow each other.  What one left that was killed, the next
one ends and removes.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import BusyError, LocalError
from vhost_tempest_plugin.hypervisor import orphan_processes
from vhost_tempest_plugin.lab.services import orphan_processes as lab_orphans
from vhost_tempest_plugin.util import interpreter, paths, process
from vhost_tempest_plugin.util.file_lock import FileLock

_LIMIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Workplace:
    """A directory whose hosts and labs are not the user's; made by ``opened``."""

    directory: Path

    def vhost(self, *words: str, cache: Path | None = None) -> process.Completed:
        """Run the command as a user does, in a process of its own.

        :param cache: in place of the user's cache
        :raises CommandError: it failed
        """
        environment = self.environment(cache)
        return process.run(self.argv(*words), environment=environment, timeout_s=_LIMIT_S)

    def argv(self, *words: str) -> list[str]:
        """The command line of a ``vhost`` command."""
        return interpreter.own("-m", "vhost_tempest_plugin.cli.main", *words)

    def environment(self, cache: Path | None = None) -> dict[str, str]:
        """What makes a ``vhost`` command work here."""
        homes = dict([self.mark])
        return homes if cache is None else {**homes, "XDG_CACHE_HOME": str(cache)}

    @contextmanager
    def fresh(self, name: str) -> Iterator[Path]:
        """An empty directory, removed afterwards; QEMU processes with files there are killed."""
        path = self.directory / name
        path.mkdir()
        try:
            yield path
        finally:
            orphan_processes.kill(path)
            shutil.rmtree(path)

    @contextmanager
    def host(self, name: str) -> Iterator[str]:
        """The name of a host that is destroyed afterwards, if it was brought up."""
        try:
            yield name
        finally:
            self.destroy(name)

    def destroy(self, name: str) -> None:
        """Destroy a host, if there is one."""
        if (self._hosts / name).is_dir():
            self.vhost("destroy", name)

    def destroy_lab(self, name: str) -> None:
        """Destroy a lab, if there is one."""
        if self.lab(name).is_dir():
            self.vhost("lab", "destroy", "--name", name)

    def clear(self) -> None:
        """Destroy all labs and hosts and remove all files, each whatever becomes of the others."""
        with ExitStack() as last_first:
            last_first.callback(shutil.rmtree, self.directory, ignore_errors=True)
            last_first.callback(orphan_processes.kill, self.directory)
            for host in sorted(self._hosts.glob("[a-z]*")):
                last_first.callback(self.destroy, host.name)
            for lab in sorted(self._labs.glob("[a-z]*")):
                last_first.callback(lab_orphans.end, lab, 0.0)
                last_first.callback(self.destroy_lab, lab.name)

    def lab(self, name: str) -> Path:
        """The directory of a lab, whether it exists or not."""
        return self._labs / name

    @property
    def mark(self) -> tuple[str, str]:
        """The variable that commands here have in their environment."""
        return "XDG_STATE_HOME", str(self.directory)

    @property
    def _hosts(self) -> Path:
        return self.directory / "vhost" / "hosts"

    @property
    def _labs(self) -> Path:
        return self.directory / "vhost" / "labs"


@contextmanager
def opened() -> Iterator[Workplace]:
    """The workplace, empty.

    :raises BusyError: another measurement is under way
    :raises LocalError: the cache cannot be written
    """
    base = paths.cache()
    try:
        base.mkdir(parents=True, exist_ok=True)
        lock = FileLock.create(base / "bench.lock")
    except OSError as error:
        raise LocalError(
            f"cannot write the cache {base}: {error.strerror}", hint="set XDG_CACHE_HOME"
        ) from error
    with lock:
        if not lock.take():
            raise BusyError("another benchmark runs", hint="wait for it to end")
        place = Workplace(base / "bench")
        place.clear()
        place.directory.mkdir(mode=0o700)
        try:
            yield place
        finally:
            place.clear()
