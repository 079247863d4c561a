# SPDX-License-Identifier: Apache-2.0
"""libvirt's embedded QEMU driver: a libvirt of our own in a directory, with no daemon.

https://libvirt.org/drvqemu.html, "Embedded driver".  QEMU outlives the process that
opened the driver; the next one to open the same directory takes over.  A process can open
one directory only, and holds it until it ends.
"""

import contextlib
import fcntl
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vhost_tempest_plugin.hypervisor import alias
from vhost_tempest_plugin.util import atomic_file, cache, paths, processes
from vhost_tempest_plugin.util.waiting import TimedOutError, wait_for

LIBVIRT_FLOOR = 6_001_000

_RUNTIME_VARIABLE = "XDG_RUNTIME_DIR"
_FLOCK = "hhqqi4x"  # struct flock of fcntl(2) on 64-bit Linux

# How long a command takes, at the most, to end after it has let a host go.
_ENDING_S = 5.0
_POLL_S = 0.05

# What this process has opened or tried to; libvirt never opens after it failed to.
_claimed: set[Path] = set()


def prepare(root: Path) -> str:
    """Make the directory ready and return the URI that opens it.

    :raises LocalError: it cannot be written
    """
    atomic_file.write(root / "etc/qemu.conf", _configuration(os.geteuid()))
    _share_capabilities(root)
    return f"qemu:///embed?root={alias.obtain(root)}"


def claim(root: Path) -> None:
    """Wait a moment for a command that is ending; to be called before the driver is opened."""
    if root in _claimed:
        return
    _claimed.add(root)
    with contextlib.suppress(TimedOutError):
        wait_for(lambda: holder(root) is None, "its end", _ENDING_S, poll_s=_POLL_S)


@contextmanager
def own_runtime(root: Path) -> Iterator[None]:
    """Have libvirt's volatile files in *root* where the user has no directory for such.

    libvirt would have them in the user's cache, for all hosts alike and also where nobody can write
    (src/util/virutil.c, virGetUserRuntimeDirectory). The driver has to be opened so.
    """
    if _RUNTIME_VARIABLE in os.environ:
        yield
        return
    os.environ[_RUNTIME_VARIABLE] = str(alias.obtain(root) / "runtime")
    try:
        yield
    finally:
        del os.environ[_RUNTIME_VARIABLE]


@contextmanager
def on_one_cpu() -> Iterator[None]:
    """Keep this thread on one CPU; the embedded driver has to be opened so.

    libvirt notes the CPUID of whichever CPU it happens to open on, and throws its cache of
    capabilities away (8 s) where it differs from the last time.  Leaf 0x1f differs from one
    CPU to the next: libvirt 11.3, src/util/virhostcpu.c, leaves out only leaf 0xb.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def holder(root: Path) -> str | None:
    """The process that has the driver open, as in ``pid 42 (vhost up article)``.

    Not for a process that has it open itself: looking would drop its lock (fcntl(2)).
    """
    try:
        with (root / "run/qemu/driver.pid").open("rb+") as file:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
            answer = fcntl.fcntl(file, fcntl.F_GETLK, asked)
    except FileNotFoundError:
        return None
    kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, answer)
    return None if kind == fcntl.F_UNLCK else processes.describe(pid)


def _configuration(user: int) -> str:
    # Without a security driver and cgroups, since nothing here is set up for them; the log
    # goes to a file, since there is no virtlogd.
    lines = [
        'security_driver = "none"',
        "cgroup_controllers = []",
        "namespaces = []",
        'stdio_handler = "file"',
        "remember_owner = 0",
    ]
    if user == 0:
        lines += ['user = "+0"', 'group = "+0"']
    return "\n".join(lines) + "\n"


def _share_capabilities(root: Path) -> None:
    """One cache of what QEMU can do for all hosts: asking QEMU takes 4 s, reading it 0.1 s."""
    shared = paths.cache() / "libvirt"
    own = root / "cache"
    try:
        shared.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=shared):
            pass
    except OSError as error:
        cache.do_without(paths.cache(), error.strerror or str(error))
        if own.is_symlink():
            own.unlink()
        return
    if not own.exists():
        own.unlink(missing_ok=True)
        own.symlink_to(shared)
