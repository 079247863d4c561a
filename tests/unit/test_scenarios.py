# SPDX-License-Identifier: Apache-2.0
"""What a scenario says of the next request follows, whatever Nova made of those before."""

import unittest

from tests.unit.scenarios import Kind, simulated
from tests.unit.simulation import Simulation
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.scenario.requires import declared
from vhost_tempest_plugin.scenario.test_pci_order import OrderTest
from vhost_tempest_plugin.topology import catalog

TOPOLOGIES = ("article", "lopsided", "single", "small", "smt", "sockets", "sriov")
SEEDS = 3


class ScenariosTest(unittest.TestCase):
    def test_each_where_it_must_run(self) -> None:
        for topology in TOPOLOGIES:
            layout = catalog.find(topology)
            environment = TestEnvironment((layout,), frozenset(DriverCapability))
            for case, name in simulated(Kind.PLAIN):
                if requirement.unmet(declared(case, name), environment):
                    continue
                for seed in range(SEEDS):
                    best = issubclass(case, OrderTest)
                    with self.subTest(topology, test=f"{case.__name__}.{name}", seed=seed):
                        Simulation(case, name, topology, seed, best).run()

    def test_each_on_two_hosts(self) -> None:
        """Nova takes any of them that can have a guest."""
        for topology in ("small", "sockets"):
            layout = catalog.find(topology)
            environment = TestEnvironment((layout, layout), frozenset(DriverCapability))
            for case, name in simulated(Kind.PLAIN):
                if requirement.unmet(declared(case, name), environment):
                    continue
                for seed in range(SEEDS):
                    with self.subTest(topology, test=f"{case.__name__}.{name}", seed=seed):
                        Simulation(case, name, topology, seed, best=True, hosts=2).run()
