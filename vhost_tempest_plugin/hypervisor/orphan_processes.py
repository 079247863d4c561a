# SPDX-License-Identifier: Apache-2.0
"""QEMU processes, found without libvirt by their command line.

The mark to look for is the domain's UUID, which is recorded before QEMU is started, so that
even one that libvirt has lost is found; or, where the record is damaged, the host's
directory, which holds its disk.
"""

import itertools
import os
import select
import signal
from pathlib import Path
from uuid import UUID

from vhost_tempest_plugin.errors import HostError

_LIMIT_S = 20.0


def find(mark: UUID | Path) -> list[int]:
    """The QEMU processes of the domain with this UUID, or with files in this directory."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
    return sorted(pid for pid in pids if _bears(pid, mark))


def kill(mark: UUID | Path) -> list[int]:
    """Kill them and wait for their end; returns those that there were.

    :raises HostError: one is not ours or does not end
    """
    return [pid for pid in find(mark) if _kill(pid, mark)]


def _bears(pid: int, mark: UUID | Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    if isinstance(mark, UUID):
        return (b"-uuid", str(mark).encode()) in itertools.pairwise(words)
    program = words[0].rpartition(b"/")[2]
    return program.startswith(b"qemu") and any(os.fsencode(mark) + b"/" in word for word in words)


def _kill(pid: int, mark: UUID | Path) -> bool:
    """Kill *pid* if it still is what it was; a pidfd keeps the number from being reused."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not _bears(pid, mark):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
        ended, _, _ = select.select([process], [], [], _LIMIT_S)
    except ProcessLookupError:
        return False
    except PermissionError:
        raise HostError(
            f"QEMU (pid {pid}) belongs to another user", hint="end it as root"
        ) from None
    finally:
        os.close(process)
    if not ended:
        raise HostError(
            f"QEMU (pid {pid}) does not end {_LIMIT_S:g} s after SIGKILL", hint="see dmesg"
        )
    return True
