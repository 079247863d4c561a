# SPDX-License-Identifier: Apache-2.0
"""Servers of several NUMA nodes have devices of all of their nodes, and of no others.

nova/virt/hardware.py: ``numa_fit_instance_to_host`` with PCI requests.
"""

from itertools import combinations

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.requirement import (
    cpus_beside_devices,
    device_nodes,
    local_devices,
    nodes,
)
from vhost_tempest_plugin.nova.expect import Shortage
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requests.server_requests import by_node, request
from vhost_tempest_plugin.scenario.requires import requires


class SeveralNodesTest(ScenarioTest):
    """The policy ``required``, with so many devices that one node cannot have them."""

    @decorators.attr(type=["smoke", "affinity"])
    @decorators.idempotent_id("1d5c7e90-4b2a-4f6d-8e31-7a9c0b3d2f21")
    @requires(device_nodes(2))
    def test_two_nodes_with_devices_of_both(self) -> None:
        self.place(request(nodes=2, devices=self.nics(self.fewest_of_several(2))))

    @decorators.attr(type=["affinity"])
    @decorators.idempotent_id("8f2b6d1c-0e9a-4c3f-a7d4-5b1e8c0f6a22")
    @requires(device_nodes(3))
    def test_three_nodes_with_devices_of_all(self) -> None:
        self.place(request(nodes=3, devices=self.nics(self.fewest_of_several(3))), console=True)

    @decorators.attr(type=["affinity"])
    @decorators.idempotent_id("b4e9a7f3-6c1d-4a58-9f02-d3c8e5b7a123")
    @requires(local_devices(1))
    def test_more_devices_than_its_nodes_have_are_refused(self) -> None:
        for count in (1, 2, 3):
            if (most := self.most(count)) < self.most(len(self.counts())):
                asked = request(nodes=count, devices=self.nics(most + 1))
                self.refused(asked, Shortage.AFFINITY, Shortage.DEVICES, Shortage.NODES)

    @decorators.attr(type=["affinity"])
    @decorators.idempotent_id("e7a1c3d9-5f8b-4e26-b0c7-2d6f9a4b8e24")
    @requires(nodes(1), local_devices(1))
    def test_more_nodes_than_the_host_has_are_refused(self) -> None:
        most = max(len(host.layout.host.nodes) for host in self.hosts.values())
        self.refused(request(nodes=most + 1, devices=self.nics()), Shortage.NODES, Shortage.VCPUS)

    @decorators.attr(type=["affinity"])
    @decorators.idempotent_id("3c8d0f5b-9a7e-4b14-8d62-f1e4a6c9b725")
    @requires(device_nodes(2), cpus_beside_devices(2))
    def test_unequal_nodes(self) -> None:
        """hw:numa_cpus.N and hw:numa_mem.N: each server node has its own share."""
        asked = request(
            vcpus=3,
            nodes=2,
            node_cpus=(frozenset({0}), frozenset({1, 2})),
            node_memory_mib=(128, 256),
            memory_mib=384,
            devices=self.nics(self.fewest_of_several(2)),
        )
        self.place(asked, console=True)

    @decorators.attr(type=["affinity"])
    @decorators.idempotent_id("a17c5e03-8d4f-4b92-b6a0-0e9f2c7d5b27")
    @requires(device_nodes(2))
    def test_unequal_memory(self) -> None:
        """hw:numa_mem.N, with a CPU on each node."""
        asked = request(
            nodes=2,
            node_cpus=(frozenset({0}), frozenset({1})),
            node_memory_mib=(128, 256),
            memory_mib=384,
            devices=self.nics(self.fewest_of_several(2)),
        )
        self.place(asked)

    @decorators.attr(type=["affinity"])
    @decorators.idempotent_id("6a0e4b8c-2d7f-4c93-a5e1-9b3c7d1f0826")
    @requires(device_nodes(2))
    def test_one_device_for_two_nodes(self) -> None:
        """It is on either of them."""
        self.place(request(nodes=2, devices=self.nics()))

    def counts(self) -> tuple[int, ...]:
        """How many devices each node has, on the host with most of them."""
        found = []
        for host in self.hosts.values():
            devices = by_node(host.layout, self.kind)
            found.append(tuple(len(there) for node, there in devices.items() if node is not None))
        return max(found, key=sum)

    def most(self, nodes: int) -> int:
        """How many devices that many nodes can have."""
        return sum(sorted(self.counts(), reverse=True)[:nodes])

    def fewest_of_several(self, nodes: int) -> int:
        """How many devices no fewer nodes have, and that many nodes do."""
        return max(sum(some) for some in combinations(self.counts(), nodes - 1)) + 1
