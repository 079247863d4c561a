# SPDX-License-Identifier: Apache-2.0
"""The kinds of faults, and how each is brought about at a moment of a command."""

import contextlib
import os
import random
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.e2e.emulated import VHOST
from tests.e2e.faults.machine import Machine, Remnants
from tests.e2e.faults.subject import Command, Subject
from vhost_tempest_plugin.util import speed

# No command of these takes longer on the reference machine.
LIMIT_S = 600.0
_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


class Kind(StrEnum):
    """What happens to a command or to its subject."""

    SIGKILL = "SIGKILL of the command"
    SIGTERM = "SIGTERM of the command"
    SIGHUP = "SIGHUP of the command"
    CTRL_C = "two Ctrl-C"
    PROCESS = "SIGKILL of a process of it"
    IN_HOST = "SIGKILL of a program in the host"
    FULL = "full disk"
    READ_ONLY = "read-only state"
    CLOCK = "clock jumps an hour"
    PAIR = "two commands at once"
    DAMAGE = "file cut short"
    REBOOT = "power of the machine lost"


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended.

    :param returncode: negative where a signal ended it; None where it had to be killed at the limit
    """

    words: tuple[str, ...]
    returncode: int | None
    output: str

    @property
    def last_line(self) -> str:
        lines = [line for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, decided before it happens.

    :param command: what runs when it happens; None where nothing runs
    :param beside: the other command of a pair
    :param part: of the command's usual time, when it happens
    :param choice: chooses among processes or files of that moment, from 0 to 1
    """

    kind: Kind
    command: Command | None
    beside: tuple[str, ...] = ()
    part: float = 0.0
    choice: float = 0.0

    def __str__(self) -> str:
        during = f" during {' '.join(self.command.words)}" if self.command else ""
        beside = f" beside {' '.join(self.beside)}" if self.beside else ""
        when = f" at {self.part:.0%}" if self.command and not self.beside else ""
        return f"{self.kind}{during}{beside}{when}"


_SIGNALS = {
    Kind.SIGKILL: signal.SIGKILL,
    Kind.SIGTERM: signal.SIGTERM,
    Kind.SIGHUP: signal.SIGHUP,
}


class Running:
    """A command that runs, the leader of a session; what it prints goes to a file."""

    def __init__(self, machine: Machine, words: tuple[str, ...], **environment: str) -> None:
        self.words = words
        # A pipe would be open for as long as anything that the command started has it.
        self._output = tempfile.TemporaryFile("w+", dir="/dev/shm")  # noqa: SIM115 - see end()
        self.process = subprocess.Popen(
            [VHOST, *words],
            env={**os.environ, **machine.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )

    def lasts(self, seconds: float) -> bool:
        """Wait; whether it still runs afterwards."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def end(self) -> Ended:
        """Wait for its end."""
        returncode: int | None
        try:
            returncode = self.process.wait(LIMIT_S * speed.timeout_scale())
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            returncode = None
        with self._output:
            self._output.seek(0)
            return Ended(self.words, returncode, self._output.read())


def run(machine: Machine, *words: str) -> Ended:
    """Run a command to its end."""
    return Running(machine, words).end()


def inject(
    fault: Fault, subject: Subject, usual_s: float, before: Remnants, seed: random.Random
) -> list[Ended]:
    """Run what the fault happens to, let it happen, and wait for what ran.

    :param usual_s: how long the command takes without a fault
    :param before: what the machine had before anything was done on it
    """
    machine = subject.machine
    if fault.command is None:
        _IDLE[fault.kind](fault, subject, before)
        return []
    environment = _faked_clock(machine) if fault.kind is Kind.CLOCK else {}
    started = [Running(machine, fault.command.words, **environment)]
    if fault.beside:
        started.append(Running(machine, fault.beside))
    elif started[0].lasts(fault.part * usual_s):
        _happen(fault, started[0], machine, before, seed)
    return [running.end() for running in started]


def _happen(
    fault: Fault,
    running: Running,
    machine: Machine,
    before: Remnants,
    seed: random.Random,
) -> None:
    match fault.kind:
        case Kind.SIGKILL | Kind.SIGTERM | Kind.SIGHUP:
            running.process.send_signal(_SIGNALS[fault.kind])
        case Kind.CTRL_C:
            # A terminal sends it to all that is in the foreground.
            for _ in range(2):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.process.pid, signal.SIGINT)
                running.lasts(seed.uniform(0.05, 1.0))
        case Kind.PROCESS:
            _kill_one(fault, machine, {running.process.pid})
        case Kind.FULL:
            with machine.full():
                running.lasts(LIMIT_S)
        case Kind.READ_ONLY:
            with machine.read_only():
                running.lasts(LIMIT_S)
        case Kind.CLOCK:
            _clock(machine).write_text("+1h\n" if fault.choice < 0.5 else "-1h\n")
        case Kind.REBOOT:
            machine.reboot(before)


def _kill_one(fault: Fault, machine: Machine, spared: set[int]) -> None:
    pids = sorted(set(machine.others()) - spared)
    if pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pids[int(fault.choice * len(pids))], signal.SIGKILL)


def _damage(fault: Fault, subject: Subject, before: Remnants) -> None:
    """Cut one of its files short, to nothing in one case of three."""
    files = [path for path in subject.files if path.stat().st_size]
    if files:
        path = files[int(fault.choice * len(files))]
        os.truncate(path, int(path.stat().st_size * max(0.0, fault.part * 1.5 - 0.5)))


def _lose_process(fault: Fault, subject: Subject, before: Remnants) -> None:
    _kill_one(fault, subject.machine, set())


def _lose_in_host(fault: Fault, subject: Subject, before: Remnants) -> None:
    words = subject.in_host[int(fault.choice * len(subject.in_host))]
    # Its own way to the host may be what ends.
    run(subject.machine, *words)


def _lose_power(fault: Fault, subject: Subject, before: Remnants) -> None:
    subject.machine.reboot(before)


_IDLE: Mapping[Kind, Callable[[Fault, Subject, Remnants], None]] = {
    Kind.PROCESS: _lose_process,
    Kind.IN_HOST: _lose_in_host,
    Kind.DAMAGE: _damage,
    Kind.REBOOT: _lose_power,
}


def _faked_clock(machine: Machine) -> dict[str, str]:
    """The variables with which a command's clock jumps when the file of it changes."""
    if not _FAKETIME.exists():
        raise AssertionError(f"{_FAKETIME} is missing; the package is faketime")
    _clock(machine).write_text("+0\n")
    return {
        "LD_PRELOAD": str(_FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(_clock(machine)),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def _clock(machine: Machine) -> Path:
    return machine.top / "clock"
