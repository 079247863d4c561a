# SPDX-License-Identifier: Apache-2.0
"""What a file system has room for, and what it permits."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError

# A quota that is used up is a full disk for who may not write any more.
_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException | str) -> bool:
    """Whether an error, or what a program says of one, is of a disk without room."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return any(os.strerror(number) in str(error) for number in _FULL)


def may_run_programs(directory: Path) -> bool:
    """Whether the file system of a directory is mounted without ``noexec`` (mount(8))."""
    return not os.statvfs(directory).f_flag & os.ST_NOEXEC


def temporary() -> Path:
    """A directory for temporary files that may be run.

    :raises LocalError: there is none
    """
    places = [Path(place) for place in (tempfile.gettempdir(), "/var/tmp", "/tmp")]  # noqa: S108
    for place in places:
        if place.is_dir() and may_run_programs(place):
            return place
    raise LocalError(
        f"no program may be run in {places[0]}, nor in /var/tmp: they are mounted noexec",
        hint="set TMPDIR to a directory where programs may be run",
    )


def require(directory: Path, needed_mib: int, what: str, variable: str) -> None:
    """Refuse what cannot end well on a disk that is nearly full.

    :param what: takes the room, for the message
    :param variable: of the environment, by which it goes to another disk
    :raises LocalError: there is not so much room
    """
    free_mib = shutil.disk_usage(directory).free >> 20
    if free_mib < needed_mib:
        raise LocalError(
            f"{what} takes {needed_mib} MiB, and {directory} has {free_mib} MiB free",
            hint=f"free some space or set {variable}",
        )


def write_hint(error: BaseException | str) -> str:
    """What to do about a file or directory that cannot be written."""
    return "free some space" if is_full(error) else "correct the permissions of its directory"
