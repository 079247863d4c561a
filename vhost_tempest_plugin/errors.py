# SPDX-License-Identifier: Apache-2.0
"""The exceptions that a user can meet.

A message is the fact and the remedy, on one line.  ``exit_code`` is what the
``vhost`` command returns for it.
"""

from typing import ClassVar


class VhostError(Exception):
    """Something failed that is not the user's mistake; exit code 1."""

    exit_code: ClassVar[int] = 1


class InputError(VhostError):
    """What the user gave is refused before anything is touched; exit code 2."""

    exit_code = 2


class TopologyError(InputError):
    """A topology cannot work.

    :param message: the fact, with every number involved, and the remedy
    :param key: where in the topology, as keys and indexes from the top
    """

    def __init__(self, message: str, key: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.key = key


class LocalError(VhostError):
    """This machine lacks something that is needed; exit code 3."""

    exit_code = 3


class HostError(VhostError):
    """The emulated host failed: it did not boot, answer or survive; exit code 4."""

    exit_code = 4


class BusyError(VhostError):
    """Another command holds the host; exit code 5."""

    exit_code = 5


class CommandError(VhostError):
    """A program that was run failed; exit code 1.

    :param message: the program, how it ended and the end of what it said
    :param returncode: its exit status, None where it ran out of time
    :param stderr: all that it said
    """

    def __init__(self, message: str, returncode: int | None, stderr: str = "") -> None:
        super().__init__(message)
        self.returncode = returncode
        self.stderr = stderr
