# SPDX-License-Identifier: Apache-2.0
"""Affinity on hosts of all shapes: of one node or many, of several sockets, devices on no node."""

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.requirement import (
    devices,
    local_devices,
    off_node_devices,
    sockets_of_nodes,
)
from vhost_tempest_plugin.nova.expect import Shortage
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import CpuPolicy
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requests.load_plans import placeable, reach_matters
from vhost_tempest_plugin.scenario.requests.node_capacity import capacities
from vhost_tempest_plugin.scenario.requests.server_requests import by_node, nics, request
from vhost_tempest_plugin.scenario.requires import requires

DEDICATED = CpuPolicy.DEDICATED
# More root ports and assigned devices than that take a server longer than they teach.
MANY = 9


class ShapeTest(ScenarioTest):
    """Counts nodes and devices."""

    def near(self) -> list[int]:
        """How many devices each node has that has any, the most first."""
        layouts = [host.layout for host in self.hosts.values()]
        counts = (node.devices for node in capacities(layouts, self.kind))
        return sorted((count for count in counts if count), reverse=True)

    def all(self) -> int:
        """How many devices the host has that has most of them."""
        return max(
            sum(map(len, by_node(host.layout, self.kind).values())) for host in self.hosts.values()
        )


class NodesTest(ShapeTest):
    """Hosts of one node, of three, of four, of eight."""

    @decorators.attr(type=["shapes"])
    @decorators.idempotent_id("d6b1f9e3-2c8a-4750-9f4d-0a7e5b3c8d71")
    @requires(local_devices(1))
    def test_each_policy_on_a_free_host(self) -> None:
        for policy in NumaPolicy:
            server = self.place(request(devices=self.nics(1, policy)))
            server.delete()

    @decorators.attr(type=["shapes"])
    @decorators.idempotent_id("31e8c5a7-9d0f-4b26-8e7c-f4a2d6b9c072")
    @requires(local_devices(1))
    def test_guest_of_as_many_nodes_as_the_host(self) -> None:
        count = max(len(host.layout.host.nodes) for host in self.hosts.values())
        self.place(request(nodes=count, devices=self.nics()), console=True)

    @decorators.attr(type=["shapes"])
    @decorators.idempotent_id("5f9a2e6c-7d1b-4c83-a0f5-b6d8e3c1f974")
    @requires(devices(2))
    def test_guest_without_nodes_has_devices_of_anywhere(self) -> None:
        """A policy means nothing to a server that has no NUMA nodes."""
        count = min(self.all(), MANY)
        self.place(request(nodes=None, devices=self.nics(count)), console=True)


class SocketTest(ShapeTest):
    """Sockets of several nodes."""

    @decorators.attr(type=["shapes"])
    @decorators.idempotent_id("e8d3b7f0-1a5c-4926-9c8e-d7f0a4b2e675")
    @requires(sockets_of_nodes(2), local_devices(1))
    def test_all_devices_of_a_socket_and_one_more(self) -> None:
        """Devices of the next node are near enough, those of the next socket are not."""
        for count in range(1, self.all() + 1):
            near = self.nics(count, NumaPolicy.SOCKET)
            self.attempt(request(cpu_policy=DEDICATED, devices=near))
            self.delete(*self.servers)

    @decorators.attr(type=["shapes"])
    @decorators.idempotent_id("0c4e9b5d-8f2a-4d17-b6e3-a1c7d5f8b076")
    @requires(
        sockets_of_nodes(2),
        reach_matters(),
        placeable(
            "a pinned server with a device of its socket",
            lambda kind: request(cpu_policy=DEDICATED, devices=nics(kind, 1, NumaPolicy.SOCKET)),
        ),
    )
    def test_pinned_guests_with_devices_of_their_socket(self) -> None:
        """As many as there are devices, and then one more."""
        asked = request(cpu_policy=DEDICATED, devices=self.nics(1, NumaPolicy.SOCKET))
        for _ in range(self.all() + 1):
            self.attempt(asked)


class NoNodeTest(ShapeTest):
    """Devices of which the host does not say where they are (Linux's node -1)."""

    @decorators.attr(type=["shapes"])
    @decorators.idempotent_id("9b6f1c8e-3d7a-4052-8c9b-e5a0f2d4b777")
    @requires(off_node_devices(1), local_devices(1))
    def test_near_devices_go_first(self) -> None:
        """Under ``legacy`` and ``preferred`` one on no node is taken when no other is left."""
        for policy in (NumaPolicy.LEGACY, NumaPolicy.PREFERRED):
            for count in self.near():
                self.place(request(devices=self.nics(count, policy)))
            last = self.place(request(devices=self.nics(1, policy)))
            self.refused(request(devices=self.nics(1, policy)), Shortage.DEVICES)
            self.assertEqual(1, len(last.devices))
            self.delete(*self.servers)

    @decorators.attr(type=["shapes"])
    @decorators.idempotent_id("48a2e5d9-c6f0-4b31-9a7d-1f8c3e0b6d78")
    @requires(off_node_devices(1), local_devices(1))
    def test_they_are_not_near_under_strict_policies(self) -> None:
        """With all others taken, neither ``required`` nor ``socket`` has them."""
        for count in self.near():
            self.place(request(devices=self.nics(count)))
        for policy in (NumaPolicy.REQUIRED, NumaPolicy.SOCKET):
            self.refused(request(devices=self.nics(1, policy)), Shortage.AFFINITY)
        self.place(request(nodes=None, devices=self.nics()), console=True)
