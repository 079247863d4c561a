# SPDX-License-Identifier: Apache-2.0
"""Whether this machine has the memory, the disk and the place that a lab takes."""

import shutil
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.errors import InputError, LocalError
from vhost_tempest_plugin.host.doctor.doctor import LAB_DISK_MIB, ResourceRequirement
from vhost_tempest_plugin.host.share import Share
from vhost_tempest_plugin.util.capacity import memory

_MIB = 1 << 20


def require(place: Path, need: ResourceRequirement, saved_mib: int) -> None:
    """Refuse what cannot end well, where that can be known.

    :param place: where the lab's files go
    :param need: what it consists of
    :param saved_mib: what of it may have to be saved
    :raises LocalError: there is not enough
    """
    wanted_mib, free_mib = need.memory_mib, memory().available_mib
    if free_mib < wanted_mib:
        raise LocalError(
            f"the lab takes up to {wanted_mib} MiB of memory and {free_mib} MiB are free",
            hint="end something, or take a smaller --topology",
        )
    wanted_mib, free_mib = saved_mib + LAB_DISK_MIB, shutil.disk_usage(place).free // _MIB
    if free_mib < wanted_mib:
        raise LocalError(
            f"the lab takes up to {wanted_mib} MiB in {place} and {free_mib} MiB are free",
            hint="free some, or set XDG_STATE_HOME",
        )


def require_place(cache: Path) -> None:
    """Refuse a cache at a place that hosts cannot have; they have the environment where it is.

    :raises InputError: it is one of theirs
    """
    try:
        Share(cache, PurePosixPath(cache))
    except InputError:
        raise InputError(
            f"hosts have a lab's environment where this machine has it, and cannot have {cache}",
            hint="set XDG_CACHE_HOME to another directory",
        ) from None
