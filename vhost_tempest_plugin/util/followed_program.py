# SPDX-License-Identifier: Apache-2.0
"""A program whose lines are reported as they come."""

import os
import selectors
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

from vhost_tempest_plugin.util import child
from vhost_tempest_plugin.util.child import GRACE_S, PIPE, Child
from vhost_tempest_plugin.util.process import Completed

_DRAIN_S = 1.0
_POLL_S = 0.2
_PIECE_BYTES = 1 << 16
# As large as a pipe gets (/proc/sys/fs/pipe-max-size).
_PIPE_BYTES = 1 << 20


def follow(
    argv: Sequence[str | Path],
    report: Callable[[str], None],
    *,
    stream: Literal["stdout", "stderr"] = "stderr",
    environment: Mapping[str, str] | None = None,
    started: Callable[[Callable[[], None]], None] = lambda end: None,
    grace_s: float = GRACE_S,
) -> Completed:
    """Run a program to its end; each line of one of its streams is reported as it comes.

    Ends the program where *report* raises.  What it returned is the caller's business.  A process
    that it left behind may hold the stream; that is not waited for.

    :param started: is given what ends the program, which returns at once
    :param grace_s: how long the program may take to end before it is killed
    :raises CommandError: it could not be started
    """
    lines: list[str] = []
    is_output = stream == "stdout"
    with (
        tempfile.TemporaryFile() as other,
        child.ending(
            argv,
            grace_s=grace_s,
            stdout=PIPE if is_output else other,
            stderr=other if is_output else PIPE,
            environment=environment,
        ) as program,
    ):

        def end() -> None:
            child.send(program, signal.SIGTERM)
            killer.start()

        killer = threading.Timer(grace_s, child.send, [program, signal.SIGKILL])
        killer.daemon = True
        started(end)
        try:
            for raw in _lines(program, program.stdout if is_output else program.stderr):
                lines.append(child.text(raw))
                report(lines[-1].rstrip("\n"))
            program.wait()
        finally:
            killer.cancel()
        other.seek(0)
        reported, kept = "".join(lines), child.text(other.read())
        output, complaints = (reported, kept) if is_output else (kept, reported)
        return Completed(program.args, program.returncode, output, complaints)


def _lines(program: Child, stream: IO[bytes] | None) -> Iterator[bytes]:
    """Each line of a stream as it comes, until it ends, or the program and what it has written."""
    last, left_s, left_bytes = b"", _DRAIN_S, _PIPE_BYTES
    with selectors.DefaultSelector() as selector:
        if stream is not None:
            selector.register(stream, selectors.EVENT_READ)
        while stream is not None and left_s > 0 and left_bytes > 0:
            has_ended, begun_s = program.poll() is not None, time.monotonic()
            if selector.select(_POLL_S):
                data = os.read(stream.fileno(), _PIECE_BYTES)
                if not data:
                    break
                *whole, last = (last + data).split(b"\n")
                yield from (line + b"\n" for line in whole)
            else:
                data = b""
            if has_ended:
                left_s -= time.monotonic() - begun_s
                left_bytes -= len(data)
    if last:
        yield last
