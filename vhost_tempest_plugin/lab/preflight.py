# SPDX-License-Identifier: Apache-2.0
"""Whether this machine has the memory, the disk and the place that a lab takes."""

import shutil
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.errors import InputError, LocalError
from vhost_tempest_plugin.host.doctor.doctor import LAB_DISK_MIB, ResourceRequirement
from vhost_tempest_plugin.host.share import Share
from vhost_tempest_plugin.util.capacity import memory

# MariaDB has the tables of seven databases open, and RabbitMQ a queue for each service.
OPEN_FILES = 1024
_MIB = 1 << 20

# What MariaDB, supervisord and the shell scripts of RabbitMQ take for nothing else than itself.
_STATE_MARKS = "/._+-@=,~ "
# Python's venv takes no colon, alembic no percent sign, and it divides at commas and blanks.
_CACHE_MARKS = "/._+-@=~"


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


def require_places(state: Path, cache: Path) -> None:
    """Refuse directories that a lab's programs or its hosts cannot have.

    Hosts have the environment where the machine has it.

    :raises InputError: one has another mark than can be, or is one of the hosts' own
    """
    for place, variable, marks in (
        (state, "XDG_STATE_HOME", _STATE_MARKS),
        (cache, "XDG_CACHE_HOME", _CACHE_MARKS),
    ):
        bad = "".join(sorted({mark for mark in str(place) if not mark.isalnum()} - set(marks)))
        if bad:
            raise InputError(
                f"the path of a lab's files must not have {bad!r}: {place}",
                hint=f"set {variable} to a path of letters, digits and {marks!r}",
            )
    try:
        Share(cache, PurePosixPath(cache))
    except InputError:
        raise InputError(
            f"hosts have a lab's environment where this machine has it, and cannot have {cache}",
            hint="set XDG_CACHE_HOME to another directory",
        ) from None
