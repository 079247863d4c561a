# SPDX-License-Identifier: Apache-2.0
"""A lock that one command holds at a time, and that says which."""

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import BusyError
from vhost_tempest_plugin.util import processes
from vhost_tempest_plugin.util.file_lock import FileLock
from vhost_tempest_plugin.util.processes import Process
from vhost_tempest_plugin.util.progress import Progress
from vhost_tempest_plugin.util.waiting import wait_for

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class CommandLock:
    """A lock file with its holder's process and command line: ``pid 42 (vhost up x)``.

    :param what: what it guards, for messages: ``host 'article'``
    """

    path: Path
    what: str

    def acquire(
        self, opened: Callable[[], FileLock], wait_s: float, progress: Progress
    ) -> FileLock:
        """The lock, held; to be closed.

        :param opened: opens the file at *path*; called for each attempt, since a command that
            held it may have removed it, and what it raises ends the waiting
        :param wait_s: how long to wait for another command, on the machine of
            ``speed.timeout_scale``; 0 to refuse at once
        :param progress: gets a line where there is something to wait for
        :raises BusyError: another command holds it all that time
        """
        holder = ""
        announced = False

        def attempt() -> FileLock | None:
            nonlocal holder
            while True:
                lock = opened()
                if not lock.take():
                    with lock:
                        holder = lock.read() or "another command"
                    return None
                if lock.is_current:
                    lock.write(_myself())
                    return lock
                lock.close()

        def announce() -> None:
            nonlocal announced
            if wait_s and not announced:
                progress(f"waiting for {holder}, which holds {self.what}")
                announced = True

        def busy(_fact: str) -> BusyError:
            return BusyError(f"{self.what} is in use by {holder}", hint="wait for it or end it")

        return wait_for(attempt, self.what, wait_s, watch=announce, poll_s=_POLL_S, error=busy)

    def holders(self) -> list[Process]:
        """The process of the command that holds it, if one of this user's does."""
        try:
            pid = int(self.path.read_text(encoding="utf-8").split()[1])
        except (OSError, ValueError, IndexError):
            return []
        return processes.with_open(pid, self.path)


def _myself() -> str:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return f"pid {os.getpid()} ({command[:200]})"
