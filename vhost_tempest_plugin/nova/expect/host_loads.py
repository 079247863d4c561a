# SPDX-License-Identifier: Apache-2.0
"""What Nova must do with requests where there are several hosts, or several requests at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vhost_tempest_plugin.nova.expect.comparison import admits
from vhost_tempest_plugin.nova.expect.expectation import expectation
from vhost_tempest_plugin.nova.expect.limits import Limits
from vhost_tempest_plugin.nova.expect.observation import Observation, Rejection
from vhost_tempest_plugin.nova.expect.outcome import Expectation, Refused
from vhost_tempest_plugin.nova.expect.usage import after
from vhost_tempest_plugin.nova.load import Load
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.topology.layout import Layout


@dataclass(frozen=True, slots=True)
class HostCandidate:
    """A host with its load.

    :param memory_kib: the memory of each node as measured
    """

    layout: Layout
    limits: Limits
    memory_kib: Mapping[int, int] | None = None
    load: Load = field(default_factory=Load)

    def expects(self, request: Request) -> Expectation:
        """What Nova must do with the request were this its only host."""
        return expectation(self.layout, request, self.load, self.limits, self.memory_kib)

    def after(self, request: Request, seen: Observation) -> "HostCandidate":
        """The host with one more instance."""
        return replace(self, load=after(self.load, request, seen))


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """What came of a request.

    :param host: where it runs, None where it was refused
    """

    request: Request
    host: str | None
    seen: Observation | Rejection


HostLoads = Mapping[str, HostCandidate]


def possible_outcomes(loads: HostLoads, request: Request) -> Mapping[str, Expectation]:
    """What must be done with a request, by host: it may be placed on any that can have it."""
    return {name: candidate.expects(request) for name, candidate in loads.items()}


def refusal(expected: Mapping[str, Expectation]) -> Refused | None:
    """Why no host can have it; None where one can.  Of several reasons the first host's."""
    refusals = [each for each in expected.values() if isinstance(each, Refused)]
    return refusals[0] if len(refusals) == len(expected) else None


def outcome_differences(
    expected: Mapping[str, Expectation], outcome: RequestOutcome
) -> tuple[str, ...]:
    """The facts in which an outcome is not what must be; none where it is."""
    if outcome.host is None:
        return tuple(
            fact if len(expected) == 1 else f"{host}: {fact}"
            for host, each in expected.items()
            for fact in admits(each, outcome.seen)
        )
    if outcome.host not in expected:
        return (f"it is on {outcome.host}, which is no host of these tests",)
    return admits(expected[outcome.host], outcome.seen)


def order_differences(loads: HostLoads, outcomes: Sequence[RequestOutcome]) -> tuple[str, ...]:
    """Whether there is an order of the requests in which each came to what it must.

    None where there is; else what was wrong on the way that led farthest.
    """
    farthest: list[tuple[int, tuple[str, ...]]] = [(-1, ())]
    seen: set[frozenset[int]] = set()

    def search(loads: HostLoads, left: tuple[int, ...]) -> bool:
        if not left:
            return True
        if frozenset(left) in seen:
            return False
        seen.add(frozenset(left))
        wrong: list[str] = []
        for number in left:
            outcome = outcomes[number]
            facts = outcome_differences(possible_outcomes(loads, outcome.request), outcome)
            if facts:
                wrong += [f"request {number}: {fact}" for fact in facts]
                continue
            rest = tuple(other for other in left if other != number)
            if search(_with(loads, outcome), rest):
                return True
        done = len(outcomes) - len(left)
        if wrong and done > farthest[0][0]:
            farthest[0] = (done, tuple(wrong))
        return False

    # Those that run first: a refusal becomes only likelier by them.
    order = sorted(range(len(outcomes)), key=lambda number: outcomes[number].host is None)
    return () if search(loads, tuple(order)) else farthest[0][1]


def _with(loads: HostLoads, outcome: RequestOutcome) -> HostLoads:
    if outcome.host is None or not isinstance(outcome.seen, Observation):
        return loads
    grown = loads[outcome.host].after(outcome.request, outcome.seen)
    return {**loads, outcome.host: grown}
