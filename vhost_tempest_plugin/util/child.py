# SPDX-License-Identifier: Apache-2.0
"""A program in a session of its own, so that it can be ended with all that it started."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

from vhost_tempest_plugin.errors import CommandError

Child: TypeAlias = "subprocess.Popen[bytes]"
Stream: TypeAlias = int | IO[bytes] | None

NO_INPUT = subprocess.DEVNULL
NO_OUTPUT = subprocess.DEVNULL
PIPE = subprocess.PIPE
WITH_OUTPUT = subprocess.STDOUT
# How long a program may take to end before it is killed.
GRACE_S = 2.0
_KILLED_S = 10.0

_started: set[Child] = set()


@contextmanager
def ending(
    argv: Sequence[str | Path],
    *,
    stdout: Stream,
    stderr: Stream,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    grace_s: float = GRACE_S,
) -> Iterator[Child]:
    """Run a program beside the block; with the block it ends, and all that it started.

    :raises CommandError: it could not be started
    """
    program = start(
        [str(word) for word in argv],
        stdin=NO_INPUT,
        stdout=stdout,
        stderr=stderr,
        environment=environment,
        directory=directory,
    )
    try:
        yield program
    finally:
        end(program, grace_s)
        close(program)


def start(
    words: list[str],
    *,
    stdin: Stream,
    stdout: Stream,
    stderr: Stream,
    environment: Mapping[str, str] | None,
    directory: Path | None,
) -> Child:
    """Start a program in a session of its own, so that it can be ended with its children."""
    try:
        program = subprocess.Popen(
            words,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **environment} if environment else None,
            cwd=directory,
            start_new_session=True,
        )
    except OSError as error:
        raise CommandError(f"cannot run {words[0]!r}: {error.strerror}", None) from None
    _started.add(program)
    return program


def end(program: Child, grace_s: float = GRACE_S) -> None:
    """End a program and its session: it is asked to first, and what is left is killed."""
    try:
        if program.poll() is None:
            send(program, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(grace_s)
    finally:
        send(program, signal.SIGKILL)
        # A process that the kernel does not let go, as one that waits for a dead disk.
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(_KILLED_S)


def send(program: Child, number: signal.Signals) -> None:
    """Send a signal to a program and its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)


def ask_all_to_end() -> None:
    """Ask every program that was started and not yet closed to end, and do not wait."""
    for program in tuple(_started):
        if program.returncode is None:
            send(program, signal.SIGTERM)


def close(program: Child) -> None:
    """Close this end of a program's pipes; it has ended."""
    _started.discard(program)
    for stream in (program.stdin, program.stdout, program.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def text(data: bytes) -> str:
    """As text=True would have it."""
    return data.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
