# SPDX-License-Identifier: Apache-2.0
"""Whether it is a full disk that made something fail."""

import errno
import os

# A quota that is used up is a full disk for who may not write any more.
_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException | str) -> bool:
    """Whether an error, or what a program says of one, is of a disk without room."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return any(os.strerror(number) in str(error) for number in _FULL)


def write_hint(error: BaseException | str) -> str:
    """What to do about a file or directory that cannot be written."""
    return "free some space" if is_full(error) else "correct the permissions of its directory"
