# SPDX-License-Identifier: Apache-2.0
"""Where state, caches and what is gone with the next boot are kept."""

import os
from pathlib import Path

from vhost_tempest_plugin.errors import InputError, LocalError
from vhost_tempest_plugin.util import service_account, trust

# A host's disk names the image below it, in the cache, in at most 1023 bytes (QEMU,
# docs/interop/qcow2.rst, backing_file_size).
_MOST_BYTES = 900


def state() -> Path:
    """``$XDG_STATE_HOME/vhost``: hosts, one directory each.

    :raises LocalError: other users can write it
    """
    place = configured_state()
    if place is None and service_account.is_current():
        place = service_account.HOME
    return _trusted(place or home() / ".local/state/vhost", "XDG_STATE_HOME")


def cache() -> Path:
    """``$XDG_CACHE_HOME/vhost``: images, kernels and probes, keyed by what made them.

    :raises LocalError: other users can write it
    """
    place = configured_cache()
    if place is None and service_account.is_current():
        place = service_account.CACHE
    return _trusted(place or home() / ".cache/vhost", "XDG_CACHE_HOME")


def configured_state() -> Path | None:
    """Where ``state`` is by ``XDG_STATE_HOME``; None where that is not set."""
    return _configured("XDG_STATE_HOME")


def configured_cache() -> Path | None:
    """Where ``cache`` is by ``XDG_CACHE_HOME``; None where that is not set."""
    return _configured("XDG_CACHE_HOME")


def networks() -> Path:
    """``/run/vhost/networks``, or below ``$VHOST_RUN_DIR``: the machine's networks for hosts.

    They are root's and do not outlive the machine's boot, and their records must not either.
    """
    return (_absolute("VHOST_RUN_DIR") or Path("/run/vhost")) / "networks"


def require(*, trusted: bool = True) -> None:
    """Refuse an environment in which these directories are nowhere.

    :param trusted: they are this user's own, and not those of the account that root becomes
    :raises InputError: a variable is relative
    :raises LocalError: the user has no home directory
    """
    own = (state, cache) if trusted else (configured_state, configured_cache, home)
    for directory in (*own, networks):
        directory()


def home() -> Path:
    """The user's home directory.

    :raises LocalError: there is none, or it is relative
    """
    try:
        found = Path.home()
    except RuntimeError:
        raise LocalError(
            f"HOME is not set, and user {os.geteuid()} has no entry in the passwd database",
            hint="set HOME to a directory of your own",
        ) from None
    if not found.is_absolute():
        raise LocalError(f"HOME is {str(found)!r}, which is no absolute path", hint="correct it")
    return found


def absolute(path: Path) -> Path:
    """A path that a user gives, without ``~`` and independent of the current directory.

    :raises InputError: it is relative to a directory that is gone
    :raises LocalError: it begins with ``~``, and the user has no home directory
    """
    if path.parts[:1] == ("~",):
        return home().joinpath(*path.parts[1:])
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise InputError(
            f"'{path}' begins with no user's home", hint="see 'getent passwd'"
        ) from None
    except FileNotFoundError:
        raise InputError(
            f"'{path}' is relative to the current directory, which was removed",
            hint="change to another directory, or give an absolute path",
        ) from None


def _configured(variable: str) -> Path | None:
    place = _absolute(variable)
    return place and _accepted(place / "vhost", variable)


def _trusted(place: Path, variable: str) -> Path:
    trust.require(
        _accepted(place, variable),
        f"if you trust what is in it, run 'chown' or 'chmod go-w' there; or set {variable} to a "
        "directory of your own",
    )
    return place


def _absolute(variable: str) -> Path | None:
    """The directory that a variable names; None where it is not set or empty.

    :raises InputError: it is relative: to the current directory, which differs between commands
    """
    configured = Path(os.environ.get(variable, ""))
    if configured == Path():
        return None
    if not configured.is_absolute():
        raise InputError(
            f"{variable} is {str(configured)!r}, which is no absolute path",
            hint="give an absolute path, or unset it",
        )
    return configured


def _accepted(place: Path, variable: str) -> Path:
    """*place*, unless no message, record or program's option can have its name.

    :raises InputError: it is such
    """
    name = str(place)
    if not name.isprintable():
        fact = f"{name!r} has characters that cannot be printed"
    elif len(os.fsencode(place)) > _MOST_BYTES:
        fact = (
            f"'{name[:40]}...' has {len(os.fsencode(place))} bytes, and {_MOST_BYTES} are the most"
        )
    else:
        return place
    raise InputError(fact, hint=f"set {variable} to another directory")
