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
from vhost_tempest_plugin.nova.expect import HostCandidate, Placed, example
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.nova.views.nova import ALLOCATED, AVAILABLE
from vhost_tempest_plugin.scenario.base import allocation
from vhost_tempest_plugin.scenario.base_config import AUDIT_INTERVAL, NEVER, BaseConfigTest
from vhost_tempest_plugin.scenario.base_lifecycle import DEDICATED, BaseLifecycleTest
from vhost_tempest_plugin.scenario.requests.node_capacity import capacities
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.server import Server

# nova/compute/resource_tracker.py, drop_move_claim_at_dest: the host that it leaves has let it go.
_LET_GO = "reverted"


class MoveCase(BaseLifecycleTest):
    """Where a server goes, others have what it had: what is stale afterwards is theirs."""

    def occupy(self, server: Server) -> None:
        """Place a server on each other host, on the node that this one has on its own.

        It has all CPUs and devices of that node, or as many as this one: what leaves room for this
        one; nothing where the host has room for one alone.  On a host without servers, pins and
        addresses that a move does not bring up to date would agree with everything.
        """
        for name in self.hosts:
            if name == server.host:
                continue
            host = self.session.placed.loads()[name]
            for wanted in (self.every_of_a_node(name, server), server.request):
                if leaves_room(host, wanted, server.request):
                    with self.only_on(name):
                        self.place(wanted)
                    break

    def every_of_a_node(self, name: str, server: Server) -> Request:
        """All dedicated CPUs of a node, and all its devices where the server has any."""
        (node,) = server.nodes
        layout = self.hosts[name].layout
        (capacity,) = (each for each in capacities([layout], self.kind) if each.node == node)
        devices = self.nics(capacity.devices) if server.devices and capacity.devices else ()
        return request(max(1, capacity.dedicated), cpu_policy=DEDICATED, devices=devices)


def leaves_room(host: HostCandidate, first: Request, second: Request) -> bool:
    """Whether a host has a place for a request wherever Nova places another one before."""
    expected = host.expects(first)
    return isinstance(expected, Placed) and all(
        isinstance(host.after(first, example(choice)).expects(second), Placed)
        for choice in expected.choices
    )


@requires(hosts(2), feature(TempestFeature.COLD_MIGRATION))
class ColdMigrationTest(MoveCase, BaseConfigTest):
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
class LiveMigrationTest(MoveCase):
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
