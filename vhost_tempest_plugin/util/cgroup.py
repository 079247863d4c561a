# SPDX-License-Identifier: Apache-2.0
"""The limits of the cgroups that this process is in, and of all that these are in.

The standard library is enough for it: the role ``vhost_node`` runs this file on nodes.

cgroups(7); https://docs.kernel.org/admin-guide/cgroup-v2.html and
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_PROCESS = Path("/proc/self")
# Of mountinfo (proc_pid_mountinfo(5)): what of the file system is mounted, where, its type and,
# in version 1, its controllers.
_MOUNT = re.compile(
    r"^\d+ \d+ \S+ (?P<root>\S+) (?P<place>\S+) .* - (?P<kind>cgroup2?) \S+ (?P<options>\S+)$", re.M
)


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """What a cgroup's processes can have together, and what is left of it."""

    most_bytes: int
    left_bytes: int


def memory_limits(process: Path = _PROCESS) -> list[MemoryLimit]:
    """Of each cgroup that has a limit of memory.

    :param process: where the kernel describes the process
    """
    return [
        limit
        for directory in _directories("memory", process)
        if (limit := _memory_v2(directory) or _memory_v1(directory)) is not None
    ]


def cpu_limits(process: Path = _PROCESS) -> list[float]:
    """The quota of each cgroup that has one, in CPUs; cpusets are in the process's affinity.

    :param process: where the kernel describes the process
    """
    quotas = []
    for directory in _directories("cpu", process):
        with suppress(OSError, ValueError):
            quota, period = _cpu_v2(directory) or _cpu_v1(directory)
            if quota > 0:
                quotas.append(quota / period)
    return quotas


def _memory_v2(directory: Path) -> MemoryLimit | None:
    # Above memory.high the processes stand still for most of the time.
    found = [_number(directory / name) for name in ("memory.max", "memory.high")]
    used = _number(directory / "memory.current")
    limits = [limit for limit in found if limit is not None]
    if not limits or used is None:
        return None
    return _left(min(limits), used, _stat(directory, "inactive_file"))


def _memory_v1(directory: Path) -> MemoryLimit | None:
    limit = _number(directory / "memory.limit_in_bytes")
    used = _number(directory / "memory.usage_in_bytes")
    if limit is None or used is None:
        return None
    return _left(limit, used, _stat(directory, "total_inactive_file"))


def _left(limit: int, used: int, cached: int) -> MemoryLimit:
    """The kernel takes back what caches files that are not in use, before it kills."""
    return MemoryLimit(limit, max(0, limit - used + cached))


def _cpu_v2(directory: Path) -> tuple[int, int] | None:
    """Microseconds in each period; None where the cgroup is not of version 2, or the root."""
    try:
        quota, period = (directory / "cpu.max").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    return (0 if quota == "max" else int(quota)), int(period)


def _cpu_v1(directory: Path) -> tuple[int, int]:
    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    quota, period = (int((directory / name).read_text(encoding="utf-8")) for name in names)
    return quota, period


def _number(file: Path) -> int | None:
    """A file's number; None where it says that there is no limit, or is not there."""
    with suppress(OSError, ValueError):
        return int(file.read_text(encoding="utf-8"))
    return None


def _stat(directory: Path, name: str) -> int:
    with suppress(OSError):
        for line in (directory / "memory.stat").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def _directories(controller: str, process: Path) -> Iterator[Path]:
    """The cgroups of a process, from the root down, in both versions."""
    try:
        cgroups = (process / "cgroup").read_text(encoding="utf-8").splitlines()
        mounts = list(_MOUNT.finditer((process / "mountinfo").read_text(encoding="utf-8")))
    except OSError:
        return
    for line in cgroups:
        _, controllers, path = line.split(":", 2)
        kind = "cgroup" if controllers else "cgroup2"
        if controllers and controller not in controllers.split(","):
            continue
        for mount in mounts:
            options = mount["options"].split(",")
            if mount["kind"] == kind and (not controllers or controller in options):
                yield from _chain(Path(mount["place"]), mount["root"], path)
                break


def _chain(place: Path, root: str, path: str) -> Iterator[Path]:
    """The directories from a mount down to a cgroup; the mount's alone where it is not below."""
    yield place
    below = PurePosixPath(path)
    if ".." in below.parts or not below.is_relative_to(root):
        return
    directory = place
    for part in below.relative_to(root).parts:
        directory /= part
        yield directory


if __name__ == "__main__":
    print(min((limit.left_bytes >> 20 for limit in memory_limits()), default=""))
