# SPDX-License-Identifier: Apache-2.0
"""QEMU processes, found without libvirt by the UUID on their command line.

The UUID is recorded before QEMU is started, so even one that libvirt has lost is found.
"""

import itertools
import os
import select
import signal
from pathlib import Path
from uuid import UUID

from vhost_tempest_plugin.errors import HostError

_LIMIT_S = 20.0


def find(uuid: UUID) -> list[int]:
    """The processes that run the domain *uuid*."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
    return sorted(pid for pid in pids if _runs(pid, uuid))


def kill(uuid: UUID) -> list[int]:
    """Kill them and wait for their end; returns those that there were.

    :raises HostError: one is not ours or does not end
    """
    return [pid for pid in find(uuid) if _kill(pid, uuid)]


def _runs(pid: int, uuid: UUID) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    wanted = str(uuid).encode()
    return any(pair == (b"-uuid", wanted) for pair in itertools.pairwise(words))


def _kill(pid: int, uuid: UUID) -> bool:
    """Kill *pid* if it still is what it was; a pidfd keeps the number from being reused."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not _runs(pid, uuid):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
        ended, _, _ = select.select([process], [], [], _LIMIT_S)
    except ProcessLookupError:
        return False
    except PermissionError:
        raise HostError(f"QEMU (pid {pid}) belongs to another user; end it as root") from None
    finally:
        os.close(process)
    if not ended:
        raise HostError(f"QEMU (pid {pid}) does not end {_LIMIT_S:g} s after SIGKILL; see dmesg")
    return True
