# SPDX-License-Identifier: Apache-2.0
"""Servers that go from one compute host to another, with what they have of it."""

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE
from vhost_tempest_plugin.cloud.deployment.requirement import (
    dedicated_cpus,
    deployment,
    feature,
    hosts,
    local_devices,
)
from vhost_tempest_plugin.nova.views.nova import ALLOCATED, AVAILABLE
from vhost_tempest_plugin.scenario.base import allocation
from vhost_tempest_plugin.scenario.base_config import AUDIT_INTERVAL, NEVER, BaseConfigTest
from vhost_tempest_plugin.scenario.base_lifecycle import BaseLifecycleTest
from vhost_tempest_plugin.scenario.requires import requires

# nova/compute/resource_tracker.py, drop_move_claim_at_dest: the host that it leaves has let it go.
_LET_GO = "reverted"


@requires(hosts(2), feature(TempestFeature.COLD_MIGRATION))
class ColdMigrationTest(BaseLifecycleTest, BaseConfigTest):
    """Servers that are off on their way, with a device on each side."""

    @decorators.attr(type=["move", "slow"])
    @decorators.idempotent_id("0f3c8a51-6d92-4b7e-8e14-5a9b2c7d60f8")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_device_of_the_other_host(self) -> None:
        """Nova's test_cold_migrate_server_with_pci: the old one is kept until it is confirmed."""
        server = self.pinned(console=True)
        self.occupy(server)
        server.migrate()
        server.confirm()
        server.report()

    @decorators.attr(type=["move", "slow"])
    @decorators.idempotent_id("c6b1e7d4-2f08-4a93-b5d6-7e31f90a8c25")
    @requires(local_devices(1), dedicated_cpus(1), deployment(DriverCapability.CONFIGURE))
    def test_reverted_migration(self) -> None:
        """It has the device again that it had; no audit comes between, for which is the next."""
        with self.configured(NOVA_COMPUTE, {AUDIT_INTERVAL: NEVER}):
            server = self.pinned()
            self.occupy(server)
            server.migrate()
            server.revert()

    @decorators.attr(type=["move", "slow"])
    @decorators.idempotent_id("7b1d3e96-4c0f-4a58-92e7-6f8a0d5c41b3")
    @requires(local_devices(1), dedicated_cpus(1), deployment(DriverCapability.RESTART))
    def test_device_of_a_guest_on_its_way_back(self) -> None:
        """Its old host goes over its accounts before it knows that the server comes back.

        Nova-compute does when it starts, and only then hears what was asked of it meanwhile.
        """
        server = self.pinned()
        source = server.host
        self.occupy(server)
        server.migrate()
        with self.watch.waiting(NOVA_COMPUTE):
            self.driver.stop(NOVA_COMPUTE, source)
        try:
            server.turn_back()
            self.cloud.until(
                lambda: True if self.cloud.migration(server.id) == _LET_GO else None,
                "the other host",
                self.watch,
            )
        finally:
            with self.watch.waiting(NOVA_COMPUTE):
                self.driver.start(NOVA_COMPUTE, source)
        server.arrive_back()
        said, due = self.allocations(source), allocation(ALLOCATED, server.id)
        server.delete()
        with self.known_bug(
            "nova-bugs.rst, audit-during-revert",
            *(f"{address}: {AVAILABLE}" for address in server.devices),
        ):
            self.session.require(
                f"{address}: {said[address]}"
                for address in sorted(server.devices)
                if said[address] != due
            )

    @decorators.attr(type=["move"])
    @decorators.idempotent_id("91d4f2b8-e05a-4c67-a3b9-18c6d57e2f04")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_no_free_device_elsewhere(self) -> None:
        """It stays where it is, and keeps what it has."""
        server = self.pinned()
        for _ in range(len(self.hosts) - 1):
            self.place(self.every_device())
        server.migrate_refused()


@requires(hosts(2), feature(TempestFeature.LIVE_MIGRATION))
class LiveMigrationTest(BaseLifecycleTest):
    """Servers that run on their way."""

    @decorators.attr(type=["move", "slow"])
    @decorators.idempotent_id("3a7e5c90-b1f4-4d28-96e3-f4820c6bd917")
    @requires(dedicated_cpus(1))
    def test_pinned_guest_is_pinned_anew(self) -> None:
        """Its CPUs and node are what the other host has free."""
        server = self.place(self.asking(0))
        self.occupy(server)
        server.live_migrate()

    @decorators.attr(type=["move"])
    @decorators.idempotent_id("d82f6b13-75c9-4e0a-8f41-2b9d0e7a63c5")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_guest_with_a_device_stays(self) -> None:
        """Nova refuses it before anything moves (conductor/tasks/live_migrate.py)."""
        self.pinned().live_migrate_refused()
