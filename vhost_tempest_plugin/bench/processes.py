# SPDX-License-Identifier: Apache-2.0
"""What processes take, by /proc (proc(5))."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.util import processes

# Those that ``usage`` reads, one after the other.
FILES = ("stat", "status", "smaps_rollup")

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss: +(\d+) kB$", re.MULTILINE)
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
# User and system time; the program's name, which may hold anything, is in parentheses.
_CPU = re.compile(r"^\d+ \(.*\) [A-Z](?: -?\d+){10} (\d+) (\d+) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Usage:
    """What some processes take together.

    :param pss_mib: their memory, what they share counted in shares
    :param peak_mib: the most that each has had resident, what they share counted for each
    :param cpu_s: the time that they have used since they were started
    """

    pss_mib: float
    peak_mib: float
    cpu_s: float


def usage(text: str) -> Usage:
    """From the FILES of any number of processes, in a row."""
    return Usage(
        pss_mib=sum(int(kib) for kib in _PSS.findall(text)) / 1024,
        peak_mib=sum(int(kib) for kib in _PEAK.findall(text)) / 1024,
        cpu_s=sum(int(user) + int(system) for user, system in _CPU.findall(text)) / _TICKS_PER_S,
    )


def usage_of(pids: Iterable[int]) -> Usage:
    """Of processes of this machine; those that are gone count nothing."""
    paths = (_PROC / str(pid) / name for pid in pids for name in FILES)
    return usage("".join(_read(path).decode(errors="replace") for path in paths))


def proportional_mib(pids: Iterable[int]) -> float:
    """As ``usage_of``, the memory alone."""
    texts = (_read(_PROC / str(pid) / "smaps_rollup").decode() for pid in pids)
    return usage("".join(texts)).pss_mib


def marked(name: str, value: str) -> list[int]:
    """The processes that have a variable of that value, this one left out.

    libvirt gives QEMU an environment of its own, so that QEMU is not among them.
    """
    return [process.pid for process in processes.bearing(name, value)]


def _read(path: Path) -> bytes:
    """A file of /proc; empty where its process is gone or another user's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
