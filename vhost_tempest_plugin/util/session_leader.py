# SPDX-License-Identifier: Apache-2.0
"""Runs a program, and ends its whole session when it is asked to; a program by itself.

``session_leader.py PROGRAM ARGUMENT...`` leads a session.  On SIGTERM it asks everything in its
process group to end, and kills what has not in time.
"""

import contextlib
import os
import signal
import subprocess
import sys
from types import FrameType

_GRACE_S = 2.0


class _Asked(BaseException):
    """It is to end."""


def main(argv: list[str]) -> int:
    """Gives the exit code of the program, as a shell has it."""

    def asked(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise _Asked

    signal.signal(signal.SIGTERM, asked)
    program = None
    try:
        program = subprocess.Popen(argv)
        code = program.wait()
    except _Asked:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        if program is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(_GRACE_S)
        os.killpg(0, signal.SIGKILL)
        raise
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
