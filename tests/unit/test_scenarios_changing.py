# SPDX-License-Identifier: Apache-2.0
"""Scenarios that change guests or the deployment ask for what the topology leads to."""

import contextlib
import functools
import unittest
from collections.abc import Iterator, Mapping
from typing import Any

from tests.unit.scenarios import Kind, simulated
from tests.unit.simulation import HOST, Simulation
from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.nova.expect import (
    device_providers,
)
from vhost_tempest_plugin.nova.views import Inventory, Provider
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requires import declared
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

TOPOLOGIES = ("article", "lopsided", "small", "smt", "sockets", "sriov", "wide")
SEEDS = 3


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

    def stop(self, service: str, host: str | None = None) -> None:
        assert host is None or host in self.test.hosts

    start = restart = kill = stop

    def reboot(self, host: str) -> None:
        assert host in self.test.hosts

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
        return {"conductor_live_migrate_instance": "Error"} if "live" in what else True


class ChangingScenariosTest(unittest.TestCase):
    def test_each_where_it_must_run(self) -> None:
        ran = set()
        for topology in TOPOLOGIES:
            environment = TestEnvironment((layout_of(topology),), frozenset(DriverCapability))
            for case, name in simulated(Kind.CHANGING):
                if requirement.unmet(declared(case, name), environment):
                    continue
                ran.add((case, name))
                for seed in range(SEEDS):
                    with self.subTest(topology, test=f"{case.__name__}.{name}", seed=seed):
                        ChangingSimulation(case, name, topology, seed).run()
        moves = {(case, name) for case, name in simulated(Kind.CHANGING) if _moves(case)}
        self.assertEqual(set(simulated(Kind.CHANGING)) - moves, ran)

    def test_each_on_two_hosts(self) -> None:
        layout, ran = layout_of("small"), set()
        environment = TestEnvironment(
            (layout, layout), frozenset(DriverCapability), frozenset(TempestFeature)
        )
        for case, name in simulated(Kind.CHANGING):
            if requirement.unmet(declared(case, name), environment):
                continue
            ran.add((case, name))
            for seed in range(SEEDS):
                with self.subTest(f"{case.__name__}.{name}", seed=seed):
                    ChangingSimulation(case, name, "small", seed, hosts=2).run()
        self.assertLessEqual({each for each in simulated(Kind.CHANGING) if _moves(each[0])}, ran)


def _moves(case: type[ScenarioTest]) -> bool:
    """Whether it takes two hosts."""
    return case.__module__.endswith(".test_migration")
