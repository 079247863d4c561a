# SPDX-License-Identifier: Apache-2.0
"""The programs that this one runs; ``child`` starts and ends them.

Each has a session of its own: a timeout or an interruption ends all that it started.
"""

import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from vhost_tempest_plugin.errors import CommandError, LocalError, TooMuchOutputError, VhostCommand
from vhost_tempest_plugin.util import child, child_output, disk
from vhost_tempest_plugin.util.child import NO_INPUT, NO_OUTPUT, PIPE, WITH_OUTPUT, Child, Stream
from vhost_tempest_plugin.util.child_output import OutOfRoomError, OutOfTimeError, Output

Completed = subprocess.CompletedProcess[str]

_DRAIN_S = 1.0
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
    :raises TooMuchOutputError: it printed more than 64 MiB, and was ended
    :raises CommandError: it failed, ran out of time or could not be started
    """
    words = [str(word) for word in argv]
    program = child.start(
        words,
        stdin=NO_INPUT if input_text is None else PIPE,
        stdout=PIPE,
        stderr=PIPE,
        environment=environment,
        directory=directory,
    )
    printed = Output()
    try:
        child_output.take(program, (input_text or "").encode(), printed, timeout_s)
    except OutOfTimeError:
        child.end(program)
        with contextlib.suppress(OutOfTimeError, OutOfRoomError):
            child_output.take(program, b"", printed, _DRAIN_S)
        _, complaints = printed.texts
        raise CommandError(
            f"{shlex.join(words)!r} did not end within {timeout_s:g} s: {_tail(complaints)}",
            None,
            complaints,
        ) from None
    except OutOfRoomError:
        child.end(program)
        output, complaints = printed.texts
        raise TooMuchOutputError(
            f"{shlex.join(words)!r} printed more than {child_output.LIMIT_BYTES >> 20} MiB and was "
            f"ended: {_tail(complaints or output)}",
            hint="run it by hand to see why",
        ) from None
    except BaseException:
        child.end(program)
        raise
    finally:
        child.close(program)
    done = Completed(words, program.returncode, *printed.texts)
    if check and done.returncode != 0:
        raise CommandError(
            f"{shlex.join(words)!r} exited with {done.returncode}: "
            f"{_tail(done.stderr or done.stdout)}",
            done.returncode,
            done.stderr,
            hint=disk.write_hint(done.stderr) if disk.is_full(done.stderr) else "",
        )
    return done


@contextmanager
def running(
    argv: Sequence[str | Path],
    *,
    log: Path | None = None,
    errors: Path | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Iterator[Child]:
    """Run a program beside the block; with the block it ends, and all that it started.

    :param log: a file to which all its output is appended; without one the block reads ``stdout``,
        and what it prints on standard error is dropped
    :param errors: a file for its standard error alone
    :raises CommandError: it could not be started
    """
    with contextlib.ExitStack() as stack:
        output = PIPE if log is None else stack.enter_context(log.open("ab"))
        complaints: Stream = NO_OUTPUT if log is None else WITH_OUTPUT
        if errors is not None:
            complaints = stack.enter_context(errors.open("wb"))
        yield stack.enter_context(
            child.ending(
                argv, stdout=output, stderr=complaints, environment=environment, directory=directory
            )
        )


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
