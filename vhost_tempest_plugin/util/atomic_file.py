# SPDX-License-Identifier: Apache-2.0
"""Files that are replaced whole or not at all, whatever ends the command that writes them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.util import disk, durability

PRIVATE = 0o600
# For who else may look at reports.
PUBLIC = 0o644


def write(
    path: Path,
    content: str | bytes,
    *,
    mode: int = PRIVATE,
    owner: tuple[int, int] | None = None,
    durable: bool = False,
) -> None:
    """Make or replace a file; its directory is made, for this user alone, where it is missing.

    :param owner: user and group, where they are not to be this process's own
    :param durable: it is on the disk when this returns, as what says that something is complete
    :raises LocalError: the disk does not take it
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path, durable=durable) as partial:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(partial, flags, PRIVATE), "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                if owner is not None:
                    os.fchown(file.fileno(), *owner)
                os.fchmod(file.fileno(), mode)
    except OSError as error:
        raise LocalError(
            f"cannot write {path}: {error.strerror}", hint=disk.write_hint(error)
        ) from None


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A hidden name beside *path* for what the block makes; with the block it takes its place.

    Where the block fails, nothing is left of it and *path* is what it was.

    :param durable: it is on the disk when the block has ended
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        if durable:
            durability.flush(partial)
            durability.rename(partial, path)
        else:
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
