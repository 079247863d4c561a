# SPDX-License-Identifier: Apache-2.0
"""The one door to subprocess.

Each program has a session of its own: a timeout or an interruption ends all that it started.
"""

import contextlib
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, TypeAlias

from vhost_tempest_plugin.errors import CommandError, LocalError, VhostCommand

Completed = subprocess.CompletedProcess[str]

# How long a program may take to end before it is killed.
GRACE_S = 2.0
_KILLED_S = 10.0
_DRAIN_S = 1.0
_POLL_S = 0.2
_PIECE_BYTES = 1 << 16
# As large as a pipe gets (/proc/sys/fs/pipe-max-size).
_PIPE_BYTES = 1 << 20
_TAIL_CHARS = 400
_Stream: TypeAlias = int | IO[bytes] | None


def _tail(text: str) -> str:
    return " / ".join(line for line in text[-_TAIL_CHARS:].splitlines() if line.strip())


def which(program: str) -> Path:
    """Where *program* is; the sbin directories count for an ordinary user too.

    :raises LocalError: where it is not installed
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    found = shutil.which(program, path=path)
    if found is None:
        raise LocalError(
            f"{program!r} is not installed", hint=f"run {VhostCommand('doctor')} for the package"
        )
    return Path(found)


def run(
    argv: Sequence[str | Path],
    *,
    input_text: str | None = None,
    timeout_s: float | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    check: bool = True,
) -> Completed:
    """Run a program to its end and return what it printed.

    Where it runs out of time, or this is interrupted, all that it started ends too.  After a
    run that ended by itself, what it left in the background stays, as a shared ssh connection.

    :param environment: added to this process's own
    :param check: raise where it fails
    :raises CommandError: it failed, ran out of time or could not be started
    """
    words = [str(word) for word in argv]
    program = _start(
        words,
        stdin=subprocess.DEVNULL if input_text is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        environment=environment,
        directory=directory,
    )
    data = None if input_text is None else input_text.encode()
    try:
        output, complaints = (_text(out) for out in program.communicate(data, timeout_s))
    except subprocess.TimeoutExpired as error:
        _end(program)
        complaints = _rest(program, error)
        raise CommandError(
            f"{shlex.join(words)!r} did not end within {timeout_s:g} s: {_tail(complaints)}",
            None,
            complaints,
        ) from None
    except BaseException:
        _end(program)
        raise
    finally:
        _close(program)
    done = Completed(words, program.returncode, output, complaints)
    if check and done.returncode != 0:
        raise CommandError(
            f"{shlex.join(words)!r} exited with {done.returncode}: "
            f"{_tail(done.stderr or done.stdout)}",
            done.returncode,
            done.stderr,
        )
    return done


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
        _ending(
            argv,
            grace_s=grace_s,
            stdout=subprocess.PIPE if is_output else other,
            stderr=other if is_output else subprocess.PIPE,
            environment=environment,
        ) as program,
    ):

        def end() -> None:
            _signal(program, signal.SIGTERM)
            killer.start()

        killer = threading.Timer(grace_s, _signal, [program, signal.SIGKILL])
        killer.daemon = True
        started(end)
        try:
            for raw in _lines(program, program.stdout if is_output else program.stderr):
                lines.append(_text(raw))
                report(lines[-1].rstrip("\n"))
            program.wait()
        finally:
            killer.cancel()
        other.seek(0)
        reported, kept = "".join(lines), _text(other.read())
        output, complaints = (reported, kept) if is_output else (kept, reported)
        return Completed(program.args, program.returncode, output, complaints)


@contextmanager
def running(
    argv: Sequence[str | Path],
    *,
    log: Path | None = None,
    errors: Path | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program beside the block; with the block it ends, and all that it started.

    :param log: a file to which all its output is appended; without one the block reads ``stdout``
    :param errors: a file for its standard error alone
    :raises CommandError: it could not be started
    """
    with contextlib.ExitStack() as stack:
        output = subprocess.PIPE if log is None else stack.enter_context(log.open("ab"))
        complaints: _Stream = None if log is None else subprocess.STDOUT
        if errors is not None:
            complaints = stack.enter_context(errors.open("wb"))
        yield stack.enter_context(
            _ending(
                argv, stdout=output, stderr=complaints, environment=environment, directory=directory
            )
        )


@contextmanager
def _ending(
    argv: Sequence[str | Path],
    *,
    stdout: _Stream,
    stderr: _Stream,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    grace_s: float = GRACE_S,
) -> Iterator[subprocess.Popen[bytes]]:
    program = _start(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        environment=environment,
        directory=directory,
    )
    try:
        yield program
    finally:
        _end(program, grace_s)
        _close(program)


def _start(
    words: list[str],
    *,
    stdin: _Stream,
    stdout: _Stream,
    stderr: _Stream,
    environment: Mapping[str, str] | None,
    directory: Path | None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that it can be ended with its children."""
    try:
        return subprocess.Popen(
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


def _end(program: subprocess.Popen[bytes], grace_s: float = GRACE_S) -> None:
    """End a program and its session: it is asked to first, and what is left is killed."""
    try:
        if program.poll() is None:
            _signal(program, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(grace_s)
    finally:
        _signal(program, signal.SIGKILL)
        # A process that the kernel does not let go, as one that waits for a dead disk.
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(_KILLED_S)


def _signal(program: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)


def _rest(program: subprocess.Popen[bytes], error: subprocess.TimeoutExpired) -> str:
    """The standard error of a program that was ended; one that left its session may hold it."""
    try:
        return _text(program.communicate(timeout=_DRAIN_S)[1])
    except subprocess.TimeoutExpired:
        return _text(error.stderr or b"")


def _lines(program: subprocess.Popen[bytes], stream: IO[bytes] | None) -> Iterator[bytes]:
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


def _close(program: subprocess.Popen[bytes]) -> None:
    for stream in (program.stdin, program.stdout, program.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _text(data: bytes) -> str:
    """As text=True would have it."""
    return data.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def replace(
    argv: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> None:
    """Become another program, as for an interactive ssh; does not return.

    :param environment: added to this process's own
    """
    words = [str(word) for word in argv]
    if directory is not None:
        os.chdir(directory)
    os.execvpe(words[0], words, {**os.environ, **(environment or {})})  # noqa: S606 - the door
