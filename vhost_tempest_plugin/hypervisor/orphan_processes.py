# SPDX-License-Identifier: Apache-2.0
"""QEMU processes, found without libvirt by their command line.

The mark to look for is the domain's UUID, which is recorded before QEMU is started, so that
even one that libvirt has lost is found; or, where the record is damaged, the host's
directory, which holds its disk.

Everybody sees a mark and can have it on a command line.  So a process counts only if its program
is a QEMU, and if it is this user's, or libvirt's where that runs QEMU.
"""

import itertools
import json
import os
import pwd
from contextlib import suppress
from pathlib import Path, PurePath
from uuid import UUID

from vhost_tempest_plugin.util import processes
from vhost_tempest_plugin.util.processes import Process

_PROGRAMS = "qemu"
_SYSTEM = "qemu:///system"
# As whom the system's libvirt runs QEMU: Debian's, Fedora's, and what its qemu.conf may have.
_SYSTEM_ACCOUNTS = ("libvirt-qemu", "qemu", "root")


def find(mark: UUID | Path, uri: str | None = None) -> list[int]:
    """The QEMU processes of the domain with this UUID, or with files in this directory.

    :param uri: the libvirt that started them, None for the private one
    """
    return sorted(process.pid for process in _bearing(mark, uri))


def kill(mark: UUID | Path, uri: str | None = None) -> list[int]:
    """Kill them and wait for their end; returns those that there were.

    :param uri: the libvirt that started them, None for the private one
    :raises VhostError: one is not ours or does not end
    """
    return processes.kill(lambda: _bearing(mark, uri))


def _bearing(mark: UUID | Path, uri: str | None) -> list[Process]:
    accounts = _accounts(uri)
    return [
        process
        for process in processes.others()
        if _bears(processes.words(process), mark)
        and processes.runs_as(process, accounts)
        and PurePath(processes.program(process)).name.startswith(_PROGRAMS)
    ]


def _accounts(uri: str | None) -> frozenset[int]:
    """The ids of the users as whom a QEMU of ours can run."""
    found = {os.geteuid()}
    # Where libvirt has no private driver, root's is the system's.
    if os.geteuid() == 0 or (uri or "").startswith(_SYSTEM):
        for name in _SYSTEM_ACCOUNTS:
            with suppress(KeyError):
                found.add(pwd.getpwnam(name).pw_uid)
    return frozenset(found)


def _bears(words: tuple[str, ...], mark: UUID | Path) -> bool:
    if isinstance(mark, UUID):
        return ("-uuid", str(mark)) in itertools.pairwise(words)
    return any(name in word for word in words for name in _names(f"{mark}/"))


def _names(path: str) -> set[str]:
    """How QEMU's options have a path: in JSON, or among others with commas between them."""
    return {path, json.dumps(path, ensure_ascii=False)[1:-1], path.replace(",", ",,")}
