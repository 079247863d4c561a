# SPDX-License-Identifier: Apache-2.0
"""Short, plain names for directories whose own names would mean something to libvirt.

Of a path, its URI has ``&``, ``#``, ``?`` and ``%`` for itself, its log option is divided at
blanks, and its sockets have 107 bytes (unix(7)).

An alias is a symbolic link in ``/tmp``, where nobody else can remove, rename or replace it
(inode(7), the sticky bit).  Its name is of its directory, so that every command has the same;
where another user has taken that name, it has a random one, and is found by where it leads.
"""

import hashlib
import itertools
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError

# sun_path of unix(7) has 108 bytes with the final NUL; libvirt appends, at the longest,
# "/lib/qemu/domain-NNNN-" and 20 characters of the name and "/monitor.sock".
_LIMIT_BYTES = 107 - 22 - 20 - 13
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")
_DIGEST_CHARS = 12
_TOKEN_BYTES = 4

_PLACE = Path("/tmp")  # noqa: S108 - 'obtain' checks it, and whose each link is


def obtain(directory: Path) -> Path:
    """*directory* itself where its name is plain and short, else an alias, made where it lacks.

    :raises LocalError: none can be made, or others could replace it
    """
    name = str(directory)
    if _PLAIN.fullmatch(name) and len(name) <= _LIMIT_BYTES:
        return directory
    for link in _own(f"{_prefix(directory)}*"):
        if link.readlink() == directory:
            return link
    facts = _PLACE.stat()
    if facts.st_uid not in (0, os.geteuid()) or not facts.st_mode & stat.S_ISVTX:
        raise LocalError(
            f"libvirt needs a short name in {_PLACE} for {name!r}, and others could replace it",
            hint=f"run 'chmod 1777 {_PLACE}' as root",
        )
    for suffix in itertools.chain(("",), iter(lambda: f"-{secrets.token_hex(_TOKEN_BYTES)}", "")):
        link = _PLACE / f"{_prefix(directory)}{suffix}"
        try:
            link.symlink_to(directory)
        except FileExistsError:
            continue
        except OSError as error:
            raise LocalError(
                f"libvirt needs a short name in {_PLACE} for {name!r}: {error.strerror}",
                hint="correct that, or set XDG_STATE_HOME to a short path of letters and digits",
            ) from None
        return link
    raise AssertionError("random names do not end")


def forget(directory: Path) -> None:
    """Remove the aliases of *directory*, and those of directories that are gone."""
    for link in _own(f"vhost-{os.geteuid()}-*"):
        with suppress(OSError):
            if link.readlink() == directory or not link.exists():
                link.unlink()


def _prefix(directory: Path) -> str:
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:_DIGEST_CHARS]
    return f"vhost-{os.geteuid()}-{digest}"


def _own(pattern: str) -> Iterator[Path]:
    """Links of this user; what others put beside them is not followed."""
    for path in _PLACE.glob(pattern):
        with suppress(OSError):
            facts = path.lstat()
            if stat.S_ISLNK(facts.st_mode) and facts.st_uid == os.geteuid():
                yield path
