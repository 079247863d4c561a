# SPDX-License-Identifier: Apache-2.0
"""Scenarios that change guests or the deployment ask for what the topology leads to."""

import contextlib
import functools
import itertools
import unittest
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from tests.unit.simulation import HOST, Simulation
from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.nova.expect import (
    device_providers,
)
from vhost_tempest_plugin.nova.views import Inventory, Provider
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


class Operator:
    """Placement is left alone."""

    def __getattr__(self, name: str) -> Any:
        return lambda *words: None


class ChangingSimulation(Simulation):
    """What is looked at besides guests is as it must be."""

    def __init__(
        self, case: type[ScenarioTest], name: str, topology: str, seed: int, hosts: int = 1
    ) -> None:
        layout = layout_of(topology)
        # A class of its own, since class methods look at the hosts, too.
        own = type(case.__name__, (case,), {"operator": Operator()})
        super().__init__(own, name, topology, seed, best=False, hosts=hosts)
        own.hosts = self.test.hosts
        self.layout = layout
        for look in ("tracks", "gone", "reported", "start_refused", "unallocated"):
            setattr(self.test, look, lambda *words, **more: None)
        self.test.release = lambda device: self.test.delete(*self.test.servers)
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

    def until(self, condition: Any, what: str, watch: object, limit_s: float | None = None) -> Any:
        return True


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
                    with self.subTest(topology, test=f"{case.__name__}.{name}", seed=seed):
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
                    with self.subTest(f"{case.__name__}.{name}", seed=seed):
                        ChangingSimulation(case, name, "small", seed, hosts=2).run()

    def test_all_run_on_the_article(self) -> None:
        """What is skipped there is skipped everywhere."""
        ground = TestEnvironment((layout_of("article"),), frozenset(DriverCapability))
        for module in MODULES:
            for case, name in tests(module):
                with self.subTest(f"{case.__name__}.{name}"):
                    self.assertEqual((), requirement.unmet(declared(case, name), ground))
