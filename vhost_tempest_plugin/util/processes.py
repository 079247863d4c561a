# SPDX-License-Identifier: Apache-2.0
"""The processes of this machine: finding them by what they bear, and ending them."""

import os
import shlex
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import psutil

from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.util.waiting import TimedOutError, wait_for

Process = psutil.Process
T = TypeVar("T")
# What finds the processes to end; asked again and again until it finds none.
Find = Callable[[], Iterable[Process]]

_KILL_LIMIT_S = 20.0
_POLL_S = 0.05
# It takes less than a millisecond, unless the machine is very busy.
_EXEC_S = 1.0
_EXEC_POLL_S = 0.001
_DEAD = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def others() -> Iterator[Process]:
    """All processes but this one."""
    return (process for process in psutil.process_iter() if process.pid != os.getpid())


def words(process: Process) -> tuple[str, ...]:
    """The command line of a process; empty where it is gone.

    One that is becoming another program is waited for: it shows nothing meanwhile.
    """
    return tuple(_settled(process, process.cmdline, []))


def runs_as(process: Process, users: Collection[int]) -> bool:
    """Whether a process runs as one of the users with these ids, and was started as one."""
    try:
        return all(user in users for user in process.uids())
    except psutil.Error:
        return False


def program(process: Process) -> str:
    """The program that a process runs, whatever it calls itself; empty where it is gone.

    For a process that this user may not look into, it is the first word of its command line, if
    that is a program.
    """
    try:
        return process.exe()
    except psutil.Error:
        return ""


def variables(process: Process) -> Mapping[str, str]:
    """The environment that a process was started with; empty where it is gone or another user's.

    One that is becoming another program is waited for: it shows nothing meanwhile.
    """
    return _settled(process, process.environ, {})


def bearing(name: str, value: str) -> list[Process]:
    """The other processes that have a variable of that value."""
    return [process for process in others() if variables(process).get(name) == value]


def in_group(group: int) -> list[Process]:
    """The processes of a process group that still run.

    A zombie is not among them: it holds nothing, and its parent may never ask for it.
    """
    return [process for process in psutil.process_iter() if _is_in(process, group)]


def describe(pid: int) -> str:
    """A process by its number and, where it still lives, its command: ``pid 42 (vhost up x)``."""
    try:
        command = shlex.join(words(Process(pid)))
    except psutil.NoSuchProcess:
        command = ""
    return f"pid {pid} ({command[:200]})" if command else f"pid {pid}"


def with_open(pid: int, file: Path) -> list[Process]:
    """The process *pid*, where it is there, is this user's and has *file* open."""
    try:
        process = Process(pid)
        found = any(file.samefile(opened.path) for opened in process.open_files())
    except (psutil.Error, OSError):
        return []
    return [process] if found else []


def end(find: Find, grace_s: float) -> list[int]:
    """End processes and wait for it: they are asked, and killed when *grace_s* is over.

    Only those are asked whose parent is none of them: they end their children themselves.

    :param grace_s: on the machine of ``speed.timeout_scale``; 0 to kill them at once
    :returns: those that there were
    :raises VhostError: one is not ours, or does not end
    """
    if not grace_s:
        return kill(find)
    asked: dict[Process, None] = {}
    ended: dict[int, None] = {}

    def are_gone() -> bool:
        found = list(find())
        pids = {process.pid for process in found}
        ended.update(dict.fromkeys(sorted(pids)))
        for process in found:
            if process not in asked and _parent(process) not in pids:
                asked[process] = None
                _signal(process, signal.SIGTERM)
        return not found

    try:
        wait_for(are_gone, "their end", grace_s, poll_s=_POLL_S)
    except TimedOutError:
        ended.update(dict.fromkeys(kill(find)))
    return list(ended)


def kill(find: Find) -> list[int]:
    """Kill processes and wait for their end.

    :returns: those that there were
    :raises VhostError: one is not ours, or does not end
    """
    killed: dict[int, None] = {}

    def are_gone() -> bool:
        found = list(find())
        for process in found:
            killed[process.pid] = None
            _signal(process, signal.SIGKILL)
        return not found

    def error(fact: str) -> VhostError:
        left = ", ".join(describe(process.pid) for process in find())
        return VhostError(f"{fact}: {left}", hint="see dmesg")

    wait_for(are_gone, "the end of killed processes", _KILL_LIMIT_S, poll_s=_POLL_S, error=error)
    return list(killed)


def terminate(find: Find) -> list[int]:
    """Ask processes to end, and do not wait.

    :returns: those that there were
    :raises VhostError: one is not ours
    """
    found = list(find())
    for process in found:
        _signal(process, signal.SIGTERM)
    return [process.pid for process in found]


def _signal(process: Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied:
        raise VhostError(
            f"{describe(process.pid)} belongs to another user", hint="end it as root"
        ) from None


def _is_in(process: Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() not in _DEAD
    except (psutil.Error, OSError):
        return False


def _settled(process: Process, read: Callable[[], T], nothing: T) -> T:
    """What *read* gives of a process, once that is not in the middle of execve(2)."""
    end_s = time.monotonic() + _EXEC_S
    try:
        while not (found := read()) and time.monotonic() < end_s:
            # It may have been until now; one that has nothing to show is asked twice.
            if not _is_in_exec(process) and ((found := read()) or not _is_in_exec(process)):
                return found
            time.sleep(_EXEC_POLL_S)
    except psutil.Error:
        return nothing
    return found


def _is_in_exec(process: Process) -> bool:
    """Whether it has a program and no words yet; a kernel thread has no program."""
    try:
        return not process.cmdline() and bool(process.exe())
    except psutil.Error:
        return False


def _parent(process: Process) -> int:
    """The parent's number; 0 where the process is gone."""
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0
