# SPDX-License-Identifier: Apache-2.0
"""What is stale after a move is seen, because others have it where the server is now."""

import unittest
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any
from unittest.mock import Mock

from tests.unit.scenarios import Kind, name_of, simulated
from tests.unit.test_scenarios_changing import ChangingSimulation, layout_of
from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.nova.expect import HostLoads, Observation
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.scenario.requires import declared
from vhost_tempest_plugin.scenario.session import DisagreementError

TOPOLOGY = "small"
SEEDS = 4
# Moves that leave nothing to be stale, with the reason.
NOTHING_STALE = {
    "test_life.AuditTest.test_devices_of_a_resized_guest_are_free_without_one": (
        "the server has no pins and no devices before"
    ),
}


_SEEN = "but (free are|may be)|or another instance has"


class Moving(ChangingSimulation):
    """Two hosts, and how many times a server that has a host is given a place anew."""

    moves = 0

    def __init__(self, case: Any, name: str, seed: int) -> None:
        super().__init__(case, name, TOPOLOGY, seed, hosts=2)
        self.best = True

    def _move(self, server: str, request: Request, loads: HostLoads) -> None:
        before = self.where[server]
        super()._move(server, request, loads)
        self.moves += self.where[server] is not before


class Stale(Moving):
    """A Nova whose servers keep the CPUs and devices that they had before."""

    def _move(self, server: str, request: Request, loads: HostLoads) -> None:
        before = self.where[server][1]
        super()._move(server, request, loads)
        host, now = self.where[server]
        self.where[server] = (host, stale(before, now))


class Elsewhere(Stale):
    """It gives a server a place on another host where there is one."""

    def _move(self, server: str, request: Request, loads: HostLoads) -> None:
        own = self.where[server][0]
        super()._move(server, request, {n: loads[n] for n in loads if n != own} or loads)


def stale(before: Observation, now: Observation) -> Observation:
    """The pins of before, and as many of the devices as it has now."""
    kept = sorted(before.devices) + sorted(now.devices - before.devices)
    return replace(
        now,
        nodes=before.nodes,
        emulator=before.emulator,
        devices=frozenset(islice(kept, len(now.devices))),
    )


@cache
def moving() -> tuple[tuple[Any, str], ...]:
    """All scenarios in which a server is given a place anew, by what they ask of Nova."""
    layout = layout_of(TOPOLOGY)
    environment = TestEnvironment(
        (layout, layout), frozenset(DriverCapability), frozenset(TempestFeature)
    )
    return tuple(
        (case, name)
        for case, name in simulated(Kind.CHANGING)
        if not requirement.unmet(declared(case, name), environment) and moves(case, name)
    )


def moves(case: Any, name: str) -> bool:
    simulation = Moving(case, name, 0)
    simulation.run()
    return simulation.moves > 0


def test_name(case: Any, name: str) -> str:
    return f"{name_of(case)}.{name}"


class StaleMovesTest(unittest.TestCase):
    def test_it_is_noticed(self) -> None:
        for case, name in self.each():
            for seed in range(SEEDS):
                with (
                    self.subTest(test_name(case, name), seed=seed),
                    self.assertRaisesRegex(DisagreementError, _SEEN),
                ):
                    Stale(case, name, seed).perform()

    def test_without_others_it_is_not(self) -> None:
        """Why they are there: on an empty host old pins agree with everything."""
        for case, name in self.each():
            for seed in range(SEEDS):
                with self.subTest(test_name(case, name), seed=seed):
                    simulation = Elsewhere(case, name, seed)
                    simulation.test.occupy = occupy = Mock()
                    try:
                        simulation.run()
                    except DisagreementError:
                        self.assertFalse(occupy.called)

    def each(self) -> Iterator[tuple[Any, str]]:
        for case, name in moving():
            if test_name(case, name) not in NOTHING_STALE:
                yield case, name

    def test_exceptions_are_moves(self) -> None:
        found = {test_name(case, name) for case, name in moving()}
        self.assertLessEqual(NOTHING_STALE.keys(), found)
