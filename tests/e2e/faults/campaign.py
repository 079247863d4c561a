# SPDX-License-Identifier: Apache-2.0
"""A campaign of faults: each is decided by the seed and its number, happens, and is judged."""

import random
import re
import shlex
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.e2e.faults.injection import Ended, Fault, Kind, inject, run
from tests.e2e.faults.machine import Machine, Remnants
from tests.e2e.faults.subject import Command, HostSubject, Subject

_HINTED = re.compile(r"'vhost ([^']+)'")
_IDLE = (Kind.PROCESS, Kind.REBOOT)
_ALWAYS_IDLE = (Kind.IN_HOST, Kind.DAMAGE)
_ROUNDS = 3
# A host that no command is about.
_KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a fault.

    :param hints: the commands that messages named and that were followed
    :param violations: what must not have been, one line each; none where all is well
    :param took_s: how long the recovery took
    """

    number: int
    subject: str
    fault: str
    kind: Kind
    hints: tuple[str, ...] = ()
    violations: tuple[str, ...] = ()
    took_s: float = 0.0


@dataclass(slots=True)
class Campaign:
    """The faults of one seed on one machine.

    :param usual_s: how long each command took without a fault, filled as they first run
    """

    machine: Machine
    subjects: Sequence[Subject]
    seed: int
    say: Callable[[str], None]
    usual_s: dict[Command, float] = field(default_factory=dict)

    def build(self) -> None:
        """Make what faults start from, the user's own host that none may touch among it."""
        vhost = self.machine.online()
        vhost.run("up", HostSubject.TOPOLOGY, "--name", _KEPT)
        vhost.run("save", _KEPT)
        self.machine.keep("absent")
        for subject in self.subjects:
            self.say(f"building: {subject.name}")
            self.machine.put_back("absent")
            subject.build()
            run(self.machine, *subject.removal)

    def happen(self, number: int) -> Outcome:
        """Let the fault with this number happen, and judge what came of it."""
        seed = random.Random(f"{self.seed}/{number}")
        subject = seed.choices(self.subjects, [each.weight for each in self.subjects])[0]
        fault = _decided(seed, subject)
        before, kept = self._empty(), self._kept()
        state = fault.command.state if fault.command else _standing(seed, subject, fault.kind)
        subject.prepare(state)
        usual_s = self._usual(subject, fault)
        ended = inject(fault, subject, usual_s, before, seed)
        begun_s = time.monotonic()
        hints, violations = _recovered(subject)
        took_s = time.monotonic() - begun_s
        violations += [line for each in ended for line in _misbehaviour(each)]
        violations += self._removed(subject, before)
        if self._kept() != kept:
            violations.append("the user's own host is not what it was")
        return Outcome(
            number,
            subject.name,
            str(fault),
            fault.kind,
            tuple(hints),
            tuple(violations),
            took_s,
        )

    def _empty(self) -> Remnants:
        self.machine.kill_all()
        self.machine.put_back("absent")
        return self.machine.remnants()

    def _kept(self) -> list[tuple[str, int, int]]:
        """The files of the user's own host, with their sizes and times."""
        top = self.machine.state / "vhost/hosts" / _KEPT
        found = [(path, path.stat()) for path in sorted(top.rglob("*")) if path.is_file()]
        return [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in found]

    def _usual(self, subject: Subject, fault: Fault) -> float:
        """How long the fault's command takes; it is prepared again where that had to be seen."""
        if fault.command is None:
            return 0.0
        if fault.command not in self.usual_s:
            begun_s = time.monotonic()
            ended = run(self.machine, *fault.command.words)
            self.usual_s[fault.command] = time.monotonic() - begun_s
            if (ended.returncode == 0) is subject.must_fail(fault.command):
                raise AssertionError(f"without any fault: {ended}")
            if faults := _misbehaviour(ended):
                raise AssertionError("\n".join(faults))
            run(self.machine, *subject.removal)
            subject.prepare(fault.command.state)
        return self.usual_s[fault.command]

    def _removed(self, subject: Subject, before: Remnants) -> list[str]:
        ended = run(self.machine, *subject.removal)
        violations = _misbehaviour(ended)
        if ended.returncode != 0:
            violations.append(f"it cannot be removed: {ended.last_line}")
        return violations + [f"left: {line}" for line in self.machine.left(before)]


def _decided(seed: random.Random, subject: Subject) -> Fault:
    kinds = [kind for kind in Kind if _applies(kind, subject)]
    kind = seed.choice(kinds)
    command = seed.choice(subject.commands)
    part, choice = seed.uniform(0.0, 1.05), seed.random()
    if kind is Kind.PAIR:
        started = [each for each in subject.commands if each.state != "absent"]
        command = seed.choice(started)
        return Fault(kind, command, seed.choice(subject.pairs())[1])
    if kind in _ALWAYS_IDLE or (kind in _IDLE and seed.random() < 0.5):
        return Fault(kind, None, (), part, choice)
    return Fault(kind, command, (), part, choice)


def _applies(kind: Kind, subject: Subject) -> bool:
    if kind is Kind.IN_HOST:
        return bool(subject.in_host)
    if subject.name == "network":
        return kind not in (Kind.PROCESS, Kind.FULL, Kind.READ_ONLY, Kind.CLOCK)
    if subject.name == "image":
        return kind not in (Kind.PROCESS, Kind.READ_ONLY)
    return True


def _standing(seed: random.Random, subject: Subject, kind: Kind) -> str:
    if kind is Kind.IN_HOST:
        return "up"
    return seed.choice([each.state for each in subject.commands if each.state != "absent"])


def _recovered(subject: Subject) -> tuple[list[str], list[str]]:
    """Follow what the next command says until all works; the hints that were followed."""
    hints: list[str] = []
    violations: list[str] = []
    for _ in range(_ROUNDS):
        ended = run(subject.machine, *subject.recovery)
        violations += _misbehaviour(ended)
        if ended.returncode == 0:
            proof = run(subject.machine, *subject.proof)
            if proof.returncode != 0:
                violations.append(f"{' '.join(proof.words)} fails: {proof.output[-600:]}")
            return hints, violations
        found = _HINTED.findall(ended.last_line)
        if not found:
            return hints, [*violations, f"no way out: {ended.last_line}"]
        hints.append(f"{ended.last_line}")
        helped = run(subject.machine, *shlex.split(found[-1]))
        violations += _misbehaviour(helped)
    return hints, [*violations, f"the hints lead nowhere: {hints[-1]}"]


def _misbehaviour(ended: Ended) -> list[str]:
    words = " ".join(ended.words)
    if "Traceback (most recent call last)" in ended.output:
        return [f"a traceback of {words}: {ended.output[-1500:]}"]
    if ended.returncode is None:
        return [f"{words} does not end: {ended.output[-600:]}"]
    return []


def table(outcomes: Sequence[Outcome]) -> str:
    """How many faults of each kind each subject had, and what came of them."""
    subjects = sorted({each.subject for each in outcomes})
    width = max(len(kind) for kind in Kind)
    lines = [f"{'fault':{width}} {' '.join(f'{name:>8}' for name in subjects)}  hints  wrong  s"]
    for kind in Kind:
        of_kind = [each for each in outcomes if each.kind is kind]
        if of_kind:
            counts = " ".join(
                f"{sum(each.subject == name for each in of_kind):8}" for name in subjects
            )
            hints = sum(bool(each.hints) for each in of_kind)
            wrong = sum(bool(each.violations) for each in of_kind)
            took_s = statistics.median(each.took_s for each in of_kind)
            lines.append(f"{kind:{width}} {counts}  {hints:5}  {wrong:5}  {took_s:.1f}")
    return "\n".join(lines)
