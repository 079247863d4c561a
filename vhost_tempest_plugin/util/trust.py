# SPDX-License-Identifier: Apache-2.0
"""What other users can write, which this one must neither make, nor believe, nor run."""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError

_ROOT = 0
_OTHERS_WRITE = 0o022

# Of the environment, what changes no more than the look of messages.
_HARMLESS = ("LANG", "LC_ALL", "TERM", "COLUMNS")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def drop_environment() -> None:
    """Have root do what it does for a user without that user's environment.

    A rule of sudoers may let more of it through than is good.  What Python itself reads before it
    runs this (``PYTHONPATH``), sudo lets through only with ``SETENV`` or ``!env_reset``.
    """
    if os.geteuid() == _ROOT:
        kept = {name: os.environ[name] for name in _HARMLESS if name in os.environ}
        os.environ.clear()
        os.environ.update(kept, PATH=_PATH)


def limit_umask() -> None:
    """Have this process, and those that it starts, make nothing that others can write."""
    os.umask(os.umask(_OTHERS_WRITE) | _OTHERS_WRITE)


def require(path: Path, hint: str) -> None:
    """Check that only this user and root can write *path*, or put something else in its place.

    *path* and the directories above it must be theirs and writable by nobody else, up to the
    user's home as with ssh's StrictModes.  A directory above may be sticky, as ``/tmp`` is.  Of a
    path that does not exist, the directories that do are checked.

    :param hint: what to do where others can
    :raises LocalError: others can
    """
    home = _home()
    real = path.resolve()
    for place in (real, *real.parents):
        try:
            facts = place.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise LocalError(f"{place} cannot be checked: {error.strerror}", hint=hint) from None
        if writers := list(_others(facts, is_above=place != real)):
            raise LocalError(
                f"{path} is not safe to use: {place} can be written by {' and '.join(writers)}",
                hint=hint,
            )
        if place == home:
            return


def _others(facts: os.stat_result, *, is_above: bool) -> Iterator[str]:
    """Who else may write what has *facts*."""
    if facts.st_uid not in (_ROOT, os.getuid()):
        yield f"user id {facts.st_uid}"
    if is_above and facts.st_mode & stat.S_ISVTX:
        return
    if facts.st_mode & stat.S_IWGRP and not _is_private(facts.st_gid):
        yield f"group id {facts.st_gid}"
    if facts.st_mode & stat.S_IWOTH:
        yield "everybody"


def _is_private(group: int) -> bool:
    """Whether only this user, or root, is in a group, as far as the group's entry shows."""
    if group == _ROOT:
        return True
    try:
        user, entry = pwd.getpwuid(os.getuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return (
        group == user.pw_gid
        and entry.gr_name == user.pw_name
        and set(entry.gr_mem) <= {user.pw_name}
    )


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except RuntimeError:
        return None
