# SPDX-License-Identifier: Apache-2.0
"""In what ``expect`` and Nova differ."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.oracle.case import Case, Json, loads, seen
from vhost_tempest_plugin.nova.expect import (
    Conflict,
    Expectation,
    Observation,
    Placed,
    Refused,
    Shortage,
    admits,
    after,
    departures,
    expectation,
    ranked,
)
from vhost_tempest_plugin.nova.expect.constraints import resolve
from vhost_tempest_plugin.nova.load import Load, NodeLoad
from vhost_tempest_plugin.nova.request import CpuPolicy, Request

# Which part of Nova refuses for it.
_PARTS: dict[Conflict | Shortage, set[str]] = {
    Shortage.VCPUS: {"placement"},
    Shortage.TOTAL_MEMORY: {"placement"},
    Shortage.DEVICES: {"pci", "both"},
    Shortage.AFFINITY: {"pci"},
}


@dataclass(frozen=True)
class Verdict:
    """A request: what is expected, and in what Nova's answer differs."""

    expected: Expectation
    facts: tuple[str, ...]


def judged(case: Case, answers: Iterable[Json]) -> Iterator[Verdict]:
    """Each request, up to the first in which they differ."""
    load = case.load
    for request, answer in zip(case.requests, answers, strict=True):
        expected = expectation(case.layout, request, load, case.limits)
        facts = tuple(_facts(expected, case, request, load, answer))
        yield Verdict(expected, facts)
        if facts:
            return
        if "nodes" in answer:
            load = after(load, request, _observed(answer))


def disagreements(case: Case, answers: Iterable[Json]) -> list[str]:
    """In what they differ."""
    return [fact for verdict in judged(case, answers) for fact in verdict.facts]


def _observed(answer: Json) -> Observation:
    observation = seen(answer)
    assert isinstance(observation, Observation)
    return observation


def _facts(
    expected: Expectation, case: Case, request: Request, load: Load, answer: Json
) -> Iterator[str]:
    if "broken" in answer:
        yield f"Nova places it where it cannot be: {answer['broken']}"
        return
    facts = admits(expected, seen(answer))
    yield from facts
    if facts:
        return
    if "exception" in answer:
        yield from _exception(expected, answer)
        return
    yield from _resources(request, answer["resources"])
    if isinstance(expected, Refused):
        if answer["lacks"] not in _PARTS.get(expected.reason, {"numa"}):
            yield f"refused for {expected}, but Nova lacks {answer['lacks']}"
    elif "lacks" not in answer:
        yield from _placed(expected, case, request, load, answer)


def _exception(expected: Expectation, answer: Json) -> Iterator[str]:
    reason = expected.reason if isinstance(expected, Refused) else None
    if not isinstance(reason, Conflict) or reason.value != answer["exception"]:
        yield f"refused for {expected}, but Nova says {answer['exception']}"


def _resources(request: Request, asked: Json) -> Iterator[str]:
    guest = resolve(request)
    floating = guest.vcpus if guest.cpu_policy is CpuPolicy.SHARED else guest.floating
    dedicated = guest.vcpus - floating + guest.reserved(0)
    must = {"VCPU": floating, "PCPU": dedicated, "MEMORY_MB": guest.memory_mib}
    must = {name: amount for name, amount in must.items() if amount}
    if asked != must:
        yield f"asks Placement for {must}, but Nova for {asked}"


def _placed(
    expected: Placed, case: Case, request: Request, load: Load, answer: Json
) -> Iterator[str]:
    observation = _observed(answer)
    favourites = ranked(expected, case.layout, request, load, case.limits)
    yield from departures(favourites, expected, observation)
    ours = after(load, request, observation)
    for node, theirs in loads(answer).items():
        if _known(ours.of(node)) != theirs:
            yield f"node {node} has {ours.of(node)}, but in Nova {theirs}"


def _known(load: NodeLoad) -> NodeLoad:
    pages = tuple((size, used) for size, used in load.pages if used)
    return NodeLoad(load.pinned, load.floating_vcpus, load.memory_mib, pages)
