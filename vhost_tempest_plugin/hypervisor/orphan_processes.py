# SPDX-License-Identifier: Apache-2.0
"""QEMU processes, found without libvirt by their command line.

The mark to look for is the domain's UUID, which is recorded before QEMU is started, so that
even one that libvirt has lost is found; or, where the record is damaged, the host's
directory, which holds its disk.
"""

import itertools
import json
from pathlib import Path, PurePath
from uuid import UUID

from vhost_tempest_plugin.util import processes
from vhost_tempest_plugin.util.processes import Process


def find(mark: UUID | Path) -> list[int]:
    """The QEMU processes of the domain with this UUID, or with files in this directory."""
    return sorted(process.pid for process in _bearing(mark))


def kill(mark: UUID | Path) -> list[int]:
    """Kill them and wait for their end; returns those that there were.

    :raises VhostError: one is not ours or does not end
    """
    return processes.kill(lambda: _bearing(mark))


def _bearing(mark: UUID | Path) -> list[Process]:
    return [process for process in processes.others() if _bears(processes.words(process), mark)]


def _bears(words: tuple[str, ...], mark: UUID | Path) -> bool:
    if isinstance(mark, UUID):
        return ("-uuid", str(mark)) in itertools.pairwise(words)
    is_qemu = bool(words) and PurePath(words[0]).name.startswith("qemu")
    return is_qemu and any(name in word for word in words for name in _names(f"{mark}/"))


def _names(path: str) -> set[str]:
    """How QEMU's options have a path: in JSON, or among others with commas between them."""
    return {path, json.dumps(path, ensure_ascii=False)[1:-1], path.replace(",", ",,")}
