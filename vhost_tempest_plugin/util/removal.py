# SPDX-License-Identifier: Apache-2.0
"""Directories that go whole: each is set aside by a rename first, and removed afterwards.

So nobody finds half of one, whatever ends the removal.  What was set aside and is still there
goes with the next removal beside it.  Only a directory that came with the image of a container is
removed where it is: overlayfs does not rename it (Documentation/filesystems/overlayfs.rst,
"redirect_dir").
"""

import contextlib
import errno
import shutil
import tempfile
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError

_ASIDE = ".removed"


def remove(directory: Path) -> None:
    """Remove a directory with all in it, if there is one.

    :raises LocalError: it cannot be set aside, and stays; or what is set aside cannot be removed
    """
    set_aside(directory)
    sweep(directory.parent)


def set_aside(directory: Path) -> None:
    """Give a directory, if there is one, a hidden name that the next removal knows.

    :raises LocalError: it stays
    """
    if not directory.exists():
        return
    aside: str | None = None
    try:
        aside = tempfile.mkdtemp(_ASIDE, f".{directory.name}.", directory.parent)
        directory.rename(aside)
    except FileNotFoundError:
        pass  # another command was faster
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise LocalError(f"cannot remove {directory}: {error.strerror}") from None
        _remove(directory)
    finally:
        if aside is not None:
            with contextlib.suppress(OSError):
                Path(aside).rmdir()  # it is empty where the rename failed


def sweep(parent: Path) -> None:
    """Remove what was set aside in *parent*, also by a command that was killed.

    :raises LocalError: some of it cannot be removed
    """
    for aside in parent.glob(f".*{_ASIDE}"):
        _remove(aside)


def _remove(directory: Path) -> None:
    while directory.exists():
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            continue  # another command removes it too
        except OSError as error:
            raise LocalError(
                f"cannot remove {directory}: {error}", hint="remove it as root"
            ) from None
