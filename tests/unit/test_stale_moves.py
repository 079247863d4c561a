# SPDX-License-Identifier: Apache-2.0
"""What is stale after a move is seen, because others have it where the server is now."""

import unittest
from typing import Any

from tests.unit.test_scenarios_changing import ChangingSimulation
from vhost_tempest_plugin.scenario import test_migration
from vhost_tempest_plugin.scenario.session import DisagreementError

MOVES: Any = (
    (test_migration.ColdMigrationTest, "test_device_of_the_other_host"),
    (test_migration.ColdMigrationTest, "test_reverted_migration"),
    (test_migration.LiveMigrationTest, "test_pinned_guest_is_pinned_anew"),
)


class Stale(ChangingSimulation):
    """A Nova whose servers keep the CPUs and devices that they had on the other host."""

    def migrate_server(self, server: str) -> None:
        before = self.where[server][1]
        super().migrate_server(server)
        self.where[server] = (self.where[server][0], before)


class StaleMovesTest(unittest.TestCase):
    def test_it_is_noticed(self) -> None:
        for case, name in MOVES:
            for seed in range(3):
                with self.subTest(name, seed=seed):
                    simulation = Stale(case, name, "small", seed, hosts=2)
                    simulation.best = True
                    with self.assertRaisesRegex(DisagreementError, "but (free are|may be)"):
                        simulation.perform()

    def test_without_others_it_is_not(self) -> None:
        """Why they are there."""
        for case, name in MOVES:
            with self.subTest(name):
                simulation = Stale(case, name, "small", 0, hosts=2)
                simulation.best = True
                simulation.test.occupy = lambda server: None
                simulation.perform()
