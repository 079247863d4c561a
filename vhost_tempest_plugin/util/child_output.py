# SPDX-License-Identifier: Apache-2.0
"""What a program prints, taken until it ends, as far as there is time and room."""

import os
import selectors
import subprocess
import time
from dataclasses import dataclass, field
from typing import IO

from vhost_tempest_plugin.util import child
from vhost_tempest_plugin.util.child import Child

# What a program may print on both streams together.
LIMIT_BYTES = 64 << 20

_PIECE_BYTES = 1 << 16
# Of what there is to write, no more than a pipe takes for sure (PIPE_BUF).
_WRITE_BYTES = 4096


class OutOfTimeError(Exception):
    """The program did not end in time."""


class OutOfRoomError(Exception):
    """The program printed more than LIMIT_BYTES."""


@dataclass(slots=True)
class Output:
    """What a program has printed so far on its standard output and its standard error."""

    stdout: list[bytes] = field(default_factory=list)
    stderr: list[bytes] = field(default_factory=list)

    @property
    def texts(self) -> tuple[str, str]:
        """Both as text."""
        return child.text(b"".join(self.stdout)), child.text(b"".join(self.stderr))


def take(program: Child, given: bytes, output: Output, limit_s: float | None) -> None:
    """Give a program its input and take its output, until it has closed it and ended.

    Its streams are pipes, the one of the input only where there is any.

    :param output: gets what was printed, also where this raises
    :raises OutOfTimeError: it did not end within *limit_s*
    :raises OutOfRoomError: it printed too much
    """
    end_s = None if limit_s is None else time.monotonic() + limit_s
    streams = ((program.stdout, output.stdout), (program.stderr, output.stderr))
    kept = {stream.fileno(): pieces for stream, pieces in streams if stream is not None}
    printed_bytes, rest = 0, memoryview(given)
    with selectors.DefaultSelector() as selector:
        for descriptor in kept:
            selector.register(descriptor, selectors.EVENT_READ)
        if program.stdin is not None and not program.stdin.closed:
            selector.register(program.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            for key, _ in selector.select(_left_s(end_s)):
                if program.stdin is not None and key.fileobj is program.stdin:
                    rest = _give(program.stdin, rest)
                    if not rest:
                        selector.unregister(program.stdin)
                        program.stdin.close()
                elif data := os.read(key.fd, _PIECE_BYTES):
                    kept[key.fd].append(data)
                    printed_bytes += len(data)
                else:
                    selector.unregister(key.fd)
            if printed_bytes > LIMIT_BYTES:
                raise OutOfRoomError
    try:
        program.wait(_left_s(end_s))
    except subprocess.TimeoutExpired:
        raise OutOfTimeError from None


def _give(stream: IO[bytes], rest: memoryview) -> memoryview:
    """Write some of the input; nothing is left of it where the program wants no more."""
    try:
        return rest[os.write(stream.fileno(), rest[:_WRITE_BYTES]) :]
    except BrokenPipeError:
        return rest[:0]


def _left_s(end_s: float | None) -> float | None:
    if end_s is None:
        return None
    left_s = end_s - time.monotonic()
    if left_s <= 0:
        raise OutOfTimeError
    return left_s
