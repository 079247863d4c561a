# SPDX-License-Identifier: Apache-2.0
"""What a scenario says of the next request follows, whatever Nova made of those before."""

import unittest
from collections.abc import Iterator

from tests.unit.simulation import Simulation
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.scenario import (
    test_nova_mistakes,
    test_pci_affinity,
    test_pci_cpus,
    test_pci_many,
    test_pci_memory,
    test_pci_nodes,
    test_pci_order,
    test_pci_shapes,
)
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requires import declared
from vhost_tempest_plugin.scenario.test_pci_order import OrderTest
from vhost_tempest_plugin.topology import catalog

TOPOLOGIES = ("article", "lopsided", "single", "small", "smt", "sockets", "sriov")
SEEDS = 3
MODULES = (
    test_nova_mistakes,
    test_pci_affinity,
    test_pci_cpus,
    test_pci_many,
    test_pci_memory,
    test_pci_nodes,
    test_pci_order,
    test_pci_shapes,
)


def tests() -> Iterator[tuple[type[ScenarioTest], str]]:
    for module in MODULES:
        for case in vars(module).values():
            if isinstance(case, type) and issubclass(case, ScenarioTest):
                for name in unittest.defaultTestLoader.getTestCaseNames(case):
                    yield case, name


class ScenariosTest(unittest.TestCase):
    def test_each_where_it_must_run(self) -> None:
        for topology in TOPOLOGIES:
            layout = catalog.find(topology)
            ground = TestEnvironment((layout,), frozenset(DriverCapability))
            for case, name in tests():
                if requirement.unmet(declared(case, name), ground):
                    continue
                for seed in range(SEEDS):
                    best = issubclass(case, OrderTest)
                    with self.subTest(topology, test=f"{case.__name__}.{name}", seed=seed):
                        Simulation(case, name, topology, seed, best).run()

    def test_each_on_two_hosts(self) -> None:
        """Nova takes any of them that can have a guest."""
        for topology in ("small", "sockets"):
            layout = catalog.find(topology)
            ground = TestEnvironment((layout, layout), frozenset(DriverCapability))
            for case, name in tests():
                if requirement.unmet(declared(case, name), ground):
                    continue
                for seed in range(SEEDS):
                    with self.subTest(topology, test=f"{case.__name__}.{name}", seed=seed):
                        Simulation(case, name, topology, seed, best=True, hosts=2).run()
