# SPDX-License-Identifier: Apache-2.0
"""Scenarios that change guests or the deployment ask for what the topology leads to."""

import contextlib
import functools
import itertools
import unittest
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from testtools.testcase import _UnexpectedSuccess

from tests.unit.simulation import HOST, SimulatedGuest, SimulatedWatch, Simulation, names
from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import (
    HostLoads,
    Observation,
    Placed,
    device_providers,
    possible_outcomes,
)
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.nova.views import Inventory, Provider, TrackedDevice
from vhost_tempest_plugin.nova.views.nova import ALLOCATED
from vhost_tempest_plugin.scenario import (
    test_alias,
    test_device_spec,
    test_life,
    test_migration,
    test_placement_report,
    test_placement_scheduling,
)
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requires import declared
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

TOPOLOGIES = ("article", "lopsided", "small", "smt", "sockets", "sriov")
SEEDS = 3
MODULES = (
    test_alias,
    test_device_spec,
    test_life,
    test_placement_report,
    test_placement_scheduling,
)
# What there is nothing of without a host.
ELSEWHERE = frozenset({"ManagedTest", "UnknownAliasTest", "UnreportedTest"})


@functools.cache
def layout_of(topology: str) -> Layout:
    return catalog.find(topology)


class LivingGuest(SimulatedGuest):
    """Goes where it may go."""

    def _step(self, name: str, call: str, status: str, **words: Any) -> None:
        return

    def rebuild(self, image: str | None = None) -> None:
        return

    def resize(self, request: Request) -> None:
        before, seen = (self.request, self.host, self.seen), self._found(request)
        self.left, self.request, self.seen = before, request, seen

    def resize_refused(self, request: Request) -> None:
        self._test.expect_refusal(request)

    def confirm(self) -> None:
        self.left = None

    def turn_back(self) -> None:
        assert self.left is not None

    def arrive_back(self) -> None:
        assert self.left is not None
        (self.request, self.host, self.seen), self.left = self.left, None
        host: Any = self._test.hosts[self.host]
        rows = pci_devices.expected_devices(host.layout)
        host.tracked = tuple(
            TrackedDevice(row, ALLOCATED, self.id) for row in rows if row.address in self.devices
        )

    def revert(self) -> None:
        self.turn_back()
        self.arrive_back()

    def shelve(self) -> None:
        self._test.guests.remove(self)

    def unshelve(self) -> None:
        self.seen = self._found(self.request)
        self._test.guests.append(self)

    def unshelve_refused(self) -> None:
        self._test.expect_refusal(self.request)

    def migrate(self) -> None:
        before = (self.request, self.host, self.seen)
        self.seen, self.left = self._found(self.request, self._elsewhere()), before

    def migrate_refused(self) -> None:
        self._test.expect_refusal(self.request, fleet=self._elsewhere())

    def live_migrate(self) -> None:
        self.seen = self._found(self.request, self._elsewhere())

    def live_migrate_refused(self) -> None:
        return

    def _found(self, request: Request, fleet: HostLoads | None = None) -> Observation:
        simulation: Any = self._test.cloud
        fleet = self._test.fleet() if fleet is None else fleet
        expected = possible_outcomes(fleet, request)
        places = {name: each for name, each in expected.items() if isinstance(each, Placed)}
        assert places, expected
        self.host = simulation.random.choice(sorted(places))
        seen: Observation = simulation.seen(fleet[self.host], request, places[self.host])
        return seen


class Operator:
    """Placement is left alone."""

    def __getattr__(self, name: str) -> Any:
        return lambda *words: None


class ChangingSimulation(Simulation):
    """What is looked at besides guests is as it must be."""

    guest = LivingGuest

    def __init__(
        self, case: type[ScenarioTest], name: str, topology: str, seed: int, hosts: int = 1
    ) -> None:
        layout = layout_of(topology)
        watches = {each: SimulatedWatch(layout) for each in names(hosts)}
        kept = type(case.__name__, (case,), {"hosts": watches, "operator": Operator()})
        super().__init__(kept, name, topology, seed, best=False, hosts=hosts)
        self.layout = layout
        self.test._asked = ["server"]
        for look in ("tracks", "gone", "reported", "start_refused", "unallocated", "check"):
            setattr(self.test, look, lambda *words, **more: None)
        self.test.release = lambda device: self.test.guests.clear()
        self.test.has_switched_itself_off = lambda guest: True
        self.test.providers = self.providers

    @contextlib.contextmanager
    def configured(self, service: str, options: Mapping[str, Any]) -> Iterator[None]:
        assert options
        yield

    def stop(self, service: str, host: str) -> None:
        assert host in self.test.hosts

    start = stop

    def providers(self) -> Mapping[PciAddress, Provider]:
        entries = self.test.entries() if hasattr(self.test, "entries") else ()
        return {
            must.device: Provider(
                str(must.device),
                must.name(HOST),
                "root",
                {must.resource_class: Inventory(must.total, 0, 0)},
                must.traits,
            )
            for must in device_providers(self.layout, entries)
        }

    def log(self, service: str, host: str, count: int) -> tuple[str, ...]:
        return ("Starting compute node (version 0)",)

    def until(self, condition: Any, what: str, watch: object) -> bool:
        return True

    def delete(self, servers: Sequence[str], watch: object) -> None:
        return


def tests(module: ModuleType) -> Iterator[tuple[type[ScenarioTest], str]]:
    for case in vars(module).values():
        if (
            isinstance(case, type)
            and issubclass(case, ScenarioTest)
            and case.__module__ == module.__name__
            and case.__name__ not in ELSEWHERE
        ):
            for name in unittest.defaultTestLoader.getTestCaseNames(case):
                yield case, name


class ChangingScenariosTest(unittest.TestCase):
    def test_each_where_it_must_run(self) -> None:
        for topology, module in itertools.product(TOPOLOGIES, MODULES):
            ground = TestEnvironment((layout_of(topology),), frozenset(DriverCapability))
            for case, name in tests(module):
                if requirement.unmet(declared(case, name), ground):
                    continue
                for seed in range(SEEDS):
                    with (
                        self.subTest(topology, test=f"{case.__name__}.{name}", seed=seed),
                        # What Nova does wrong goes well here.
                        contextlib.suppress(_UnexpectedSuccess),
                    ):
                        ChangingSimulation(case, name, topology, seed).run()

    def test_each_on_two_hosts(self) -> None:
        layout = layout_of("small")
        ground = TestEnvironment(
            (layout, layout), frozenset(DriverCapability), frozenset(TempestFeature)
        )
        for module in (*MODULES, test_migration):
            for case, name in tests(module):
                if requirement.unmet(declared(case, name), ground):
                    continue
                for seed in range(SEEDS):
                    with (
                        self.subTest(f"{case.__name__}.{name}", seed=seed),
                        contextlib.suppress(_UnexpectedSuccess),
                    ):
                        ChangingSimulation(case, name, "small", seed, hosts=2).run()

    def test_all_run_on_the_article(self) -> None:
        """What is skipped there is skipped everywhere."""
        ground = TestEnvironment((layout_of("article"),), frozenset(DriverCapability))
        for module in MODULES:
            for case, name in tests(module):
                with self.subTest(f"{case.__name__}.{name}"):
                    self.assertEqual((), requirement.unmet(declared(case, name), ground))
