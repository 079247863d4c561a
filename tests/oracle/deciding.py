# SPDX-License-Identifier: Apache-2.0
"""A simulated cloud in which Nova's own code decides what comes of requests."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace

from tests.oracle.case import Case, seen
from tests.oracle.oracle import Oracle
from tests.unit.simulation import HOST, SimulatedGuest, SimulatedWatch, Simulation
from vhost_tempest_plugin.mutation import NovaMutant, mutated
from vhost_tempest_plugin.nova.expect import HostCandidate, Limits, Observation, Rejection
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.guest import Attempt

# What the oracle runs; what a guest is made of afterwards is not among it.
DECIDING = (
    "nova/pci/request.py",
    "nova/pci/stats.py",
    "nova/scheduler/",
    "nova/virt/hardware.py",
)
_MESSAGE = "hw_pci_numa_affinity_policy"


class Deleted(SimulatedGuest):
    """A guest whose end Nova must be told."""

    def delete(self) -> None:
        super().delete()
        self._test.site.deployment.deleted = True  # type: ignore[union-attr]


class WholeWatch(SimulatedWatch):
    """A host of which the kernel has kept nothing, as the oracle's."""

    def candidate(self, limits: Limits) -> HostCandidate:
        return HostCandidate(self.layout, limits)


class Decided(Simulation):
    """One test on a host with a topology."""

    guest = Deleted

    def __init__(self, case: type[ScenarioTest], name: str, topology: str, oracle: Oracle) -> None:
        super().__init__(case, name, topology, seed=0, best=True)
        self.oracle, self.deleted = oracle, False
        self.test.hosts = {HOST: WholeWatch(self.test.hosts[HOST].layout)}
        self.test.record = SimpleNamespace(disagree=list)

    def came_of(
        self, requests: Sequence[Request], asked: Sequence[str], *, console: bool = False
    ) -> tuple[Attempt, ...]:
        host = self.test.fleet()[HOST]
        # Nova keeps its own accounts, unless somebody has left in the midst of them.
        before = () if self.deleted else tuple(guest.request for guest in self.test.guests)
        load = {"load": host.load} if self.deleted else {}
        case = Case(host.layout, (*before, *requests), limits=host.limits, **load)
        answers = self.oracle.answers(case)[len(before) :]
        attempts: list[Attempt] = []
        for number, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            assert "broken" not in answer, answer
            what = seen(answer)
            if isinstance(what, Observation):
                place = len(self.test.guests)
                guest = self.guest(self.test, place, str(number), request, HOST)
                guest.seen = what
                self.test.guests.append(guest)
                attempts.append(guest)
            else:
                attempts.append(Rejection(what.http_status, f"{what.message} {_MESSAGE}"))
        if self.many and any(isinstance(each, Rejection) for each in attempts):
            self.test.guests = [g for g in self.test.guests if g not in attempts]
            attempts = [Rejection(None, "not all of them")] * self.many
        self.many = 0
        return tuple(attempts)


def decides(mutant: NovaMutant) -> bool:
    """Whether a mutant shows in what the oracle runs."""
    return all(edit.path.startswith(DECIDING) for edit in mutant.edits)


def made(mutant: NovaMutant, packages: Path, place: Path) -> None:
    """Put a Nova with a mutant's edits into the directory *place*, made of links."""
    for source in (packages / "nova").rglob("*.py"):
        link = place / source.relative_to(packages)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)
    texts = {edit.path: (packages / edit.path).read_text() for edit in mutant.edits}
    for name, text in mutated(texts, mutant.edits).items():
        (place / name).unlink()
        (place / name).write_text(text)


def failures(tests: Iterable[tuple[type[ScenarioTest], str, str]], oracle: Oracle) -> set[str]:
    """The tests that fail, of some with a topology each."""
    failed = set()
    for case, name, topology in tests:
        try:
            Decided(case, name, topology, oracle).run()
        except AssertionError:
            failed.add(f"{case.__name__}.{name} on {topology}")
    return failed
