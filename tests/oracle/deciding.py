# SPDX-License-Identifier: Apache-2.0
"""A simulated cloud in which Nova's own code decides what comes of requests."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.oracle.case import Case, seen
from tests.oracle.oracle import Oracle
from tests.unit.simulation import HOST, SimulatedHost, Simulation
from vhost_tempest_plugin.mutation import NovaMutant, mutated
from vhost_tempest_plugin.nova.expect import HostCandidate, Limits, Observation, Rejection
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.scenario.base import ScenarioTest

# What the oracle runs; what a guest is made of afterwards is not among it.
DECIDING = (
    "nova/pci/request.py",
    "nova/pci/stats.py",
    "nova/scheduler/",
    "nova/virt/hardware.py",
)


class WholeHost(SimulatedHost):
    """A host of which the kernel has kept nothing, as the oracle's."""

    def candidate(self, limits: Limits) -> HostCandidate:
        return HostCandidate(self.layout, limits)


class Decided(Simulation):
    """One test on a host with a topology."""

    def __init__(self, case: type[ScenarioTest], name: str, topology: str, oracle: Oracle) -> None:
        super().__init__(case, name, topology, seed=0, best=True)
        self.oracle, self.deleted = oracle, False
        self.use({HOST: WholeHost(self.test.hosts[HOST].layout, self)})

    def delete(self, servers: Iterable[str], watch: object) -> None:
        self.deleted = True

    def refusal(self, request: Request) -> int | None:
        (answer,) = self.oracle.answers(Case(self.test.hosts[HOST].layout, (request,)))
        what = seen(answer)
        return what.http_status if isinstance(what, Rejection) else None

    def decide(self, servers: Sequence[str]) -> None:
        """In Nova's accounts, unless somebody has left in the midst of them."""
        host = self.session.placed.loads()[HOST]
        hosted = () if self.deleted else self.session.placed.hosted
        before = tuple(server.claim.request for server in hosted)
        load = {"load": host.load} if self.deleted else {}
        asked = tuple(self.requests[server] for server in servers)
        case = Case(host.layout, (*before, *asked), limits=host.limits, **load)
        answers = self.oracle.answers(case)[len(before) :]
        for server, answer in zip(servers, answers, strict=True):
            assert "broken" not in answer, answer
            what = seen(answer)
            if isinstance(what, Observation):
                self.where[server] = (HOST, what)
            else:
                self.refused.add(server)


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
            Decided(case, name, topology, oracle).perform()
        except AssertionError:
            failed.add(f"{case.__name__}.{name} on {topology}")
    return failed
