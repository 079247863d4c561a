# SPDX-License-Identifier: Apache-2.0
"""Python's files beside sources, which the owner of the sources must be able to remove."""

import contextlib
import os
import sys
from pathlib import Path


def leave_none() -> None:
    """Have root leave no ``__pycache__`` in a tree of another user's, as after ``sudo vhost``.

    That user could not remove it, nor the tree.
    """
    if os.geteuid() != 0 or Path(__file__).stat().st_uid == 0:
        return
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    # Those of what is imported already Python has written.
    for module in tuple(sys.modules.values()):
        source, cached = getattr(module, "__file__", None), getattr(module, "__cached__", None)
        if source is not None and cached is not None:
            with contextlib.suppress(OSError):
                _remove(Path(source), Path(cached))


def _remove(source: Path, cached: Path) -> None:
    if source.stat().st_uid != 0 and cached.lstat().st_uid == 0:
        cached.unlink()
        cached.parent.rmdir()
