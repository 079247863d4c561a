# SPDX-License-Identifier: Apache-2.0
"""The processes of a lab, found without its supervisor by a mark in their environment."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vhost_tempest_plugin.errors import VhostError

MARK = "VHOST_LAB"
_LIMIT_S = 20.0


def marks(directory: Path) -> Mapping[str, str]:
    """What every process of the lab in *directory* has in its environment.

    SPT_NOENV keeps setproctitle, which some services use, from writing their title over it.
    """
    return {MARK: os.path.realpath(directory), "SPT_NOENV": "1"}


def find(directory: Path) -> list[int]:
    """All processes of the lab in *directory*, those of other users only for root."""
    return [pid for pid in _pids() if pid != os.getpid() and _bears(pid, directory)]


def of_group(group: int) -> list[int]:
    """The processes of a process group that still run."""
    stats = ((pid, _stat(pid)) for pid in _pids())
    # A zombie holds nothing any more, and its parent may never ask for it.
    return [pid for pid, stat in stats if int(stat[2]) == group and stat[0] not in "ZX"]


def end(directory: Path, grace_s: float) -> list[int]:
    """End all of them: ask, wait *grace_s* at most, kill; returns those that there were.

    Only those are asked whose parent is none of them: they end their children themselves.

    :raises VhostError: one does not end
    """
    ended: dict[int, None] = {}
    deadline_s = time.monotonic() + grace_s
    while found := find(directory):
        ended.update(dict.fromkeys(found))
        left_s = deadline_s - time.monotonic()
        if left_s > 0:
            roots = [pid for pid in found if _parent(pid) not in found]
            _signal(directory, roots, signal.SIGTERM, left_s)
        elif _signal(directory, found, signal.SIGKILL, _LIMIT_S):
            raise VhostError(
                f"processes of {directory} do not end {_LIMIT_S:g} s after SIGKILL: "
                f"{find(directory)}",
                hint="see dmesg",
            )
    return list(ended)


def _pids() -> list[int]:
    return sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def _signal(directory: Path, pids: Iterable[int], number: int, limit_s: float) -> bool:
    """Send a signal and wait; whether there is one left after *limit_s*."""
    deadline_s = time.monotonic() + limit_s
    with _opened(pids) as processes:
        for process, pid in processes.items():
            # Looked at again: a pidfd keeps the number from being reused only from now on.
            if _bears(pid, directory):
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, number)
        waiting = [process for process, pid in processes.items() if _bears(pid, directory)]
        while waiting and (left_s := deadline_s - time.monotonic()) > 0:
            ended, _, _ = select.select(waiting, [], [], left_s)
            waiting = [process for process in waiting if process not in ended]
        return bool(waiting)


@contextmanager
def _opened(pids: Iterable[int]) -> Iterator[dict[int, int]]:
    """A pidfd of each process that still is there, with its number."""
    processes: dict[int, int] = {}
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                processes[os.pidfd_open(pid)] = pid
        yield processes
    finally:
        for process in processes:
            os.close(process)


def _bears(pid: int, directory: Path) -> bool:
    mark = f"{MARK}={os.path.realpath(directory)}".encode()
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _parent(pid: int) -> int:
    """The parent's number; 0 where the process is gone."""
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    """State, parent, process group, session and so on, all 0 where the process is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ["0"] * 4
    # The program's name, which may hold anything, is in parentheses (proc(5)).
    return stat.rpartition(")")[2].split()
