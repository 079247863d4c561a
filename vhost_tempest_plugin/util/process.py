# SPDX-License-Identifier: Apache-2.0
"""The one door to subprocess."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from vhost_tempest_plugin.errors import CommandError, LocalError

Completed = subprocess.CompletedProcess[str]

_TAIL_CHARS = 400


def _tail(text: str) -> str:
    return " / ".join(line for line in text[-_TAIL_CHARS:].splitlines() if line.strip())


def which(program: str) -> Path:
    """Where *program* is; the sbin directories count for an ordinary user too.

    :raises LocalError: where it is not installed
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    found = shutil.which(program, path=path)
    if found is None:
        raise LocalError(f"{program!r} is not installed; run 'vhost doctor' for the package")
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
    """Run a program to its end and return what it said.

    :param environment: added to this process's own
    :param check: raise where it fails
    :raises CommandError: it failed or ran out of time (then it was killed)
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=input_text,
            stdin=subprocess.DEVNULL if input_text is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            env={**os.environ, **environment} if environment else None,
            cwd=directory,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else ""
        raise CommandError(
            f"{shlex.join(words)!r} did not end within {timeout_s:g} s: {_tail(said)}", None, said
        ) from None
    except OSError as error:
        raise CommandError(f"cannot run {words[0]!r}: {error.strerror}", None) from None
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
    tell: Callable[[str], None],
    *,
    environment: Mapping[str, str] | None = None,
    started: Callable[[Callable[[], None]], None] = lambda end: None,
) -> Completed:
    """Run a program to its end; each line of its standard error is told as it comes.

    Ends the program where *tell* raises.  What it returned is the caller's business.

    :param started: is given what asks the program to end

    :raises CommandError: it could not be started
    """
    words = [str(word) for word in argv]
    said: list[str] = []
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        try:
            program = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env={**os.environ, **environment} if environment else None,
            )
        except OSError as error:
            raise CommandError(f"cannot run {words[0]!r}: {error.strerror}", None) from None
        started(program.terminate)
        with program:
            try:
                for line in program.stderr or ():
                    said.append(line)
                    tell(line.rstrip("\n"))
            except BaseException:
                program.terminate()
                raise
        output.seek(0)
        return Completed(words, program.returncode, output.read(), "".join(said))


@contextmanager
def streaming(
    argv: Sequence[str | Path], *, directory: Path | None = None
) -> Iterator[Iterator[str]]:
    """Run a program beside the block, which is given each line of its output as it comes.

    The program is ended with the block.

    :raises CommandError: it could not be started
    """
    words = [str(word) for word in argv]
    try:
        program = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=directory,
        )
    except OSError as error:
        raise CommandError(f"cannot run {words[0]!r}: {error.strerror}", None) from None
    with program:
        try:
            yield (line.rstrip("\n") for line in program.stdout or ())
        finally:
            program.terminate()


@contextmanager
def piped(
    argv: Sequence[str | Path],
    *,
    errors: Path,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program beside the block, which reads its output as bytes and waits for its end.

    What has not ended with the block is killed, with all that it has started.

    :param errors: the file for its standard error
    :raises CommandError: it could not be started
    """
    words = [str(word) for word in argv]
    with errors.open("wb") as complaints:
        try:
            program = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env={**os.environ, **environment} if environment else None,
                cwd=directory,
                start_new_session=True,
            )
        except OSError as error:
            raise CommandError(f"cannot run {words[0]!r}: {error.strerror}", None) from None
        with program:
            try:
                yield program
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(program.pid, signal.SIGKILL)


def start(
    argv: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> subprocess.Popen[str]:
    """Start a program whose output goes to the file *log*; the caller ends it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment} if environment else None,
            cwd=directory,
        )


@contextmanager
def running(
    argv: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program for a time; where it has not ended by itself by then, it is killed."""
    program = start(argv, log=log, environment=environment)
    try:
        yield program
    finally:
        program.kill()
        program.wait()


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
