# SPDX-License-Identifier: Apache-2.0
"""Servers have their memory on the node of their devices, on pages as they want them.

nova/virt/hardware.py: ``_numa_cell_supports_pagesize_request`` and the memory limits beside it.
"""

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.requirement import dedicated_cpus, local_devices
from vhost_tempest_plugin.nova.expect import Rejection, Shortage
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, NumaPolicy
from vhost_tempest_plugin.nova.request import CpuPolicy, PageSize, Request
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requests.load_plans import (
    pages_apart,
    pages_apart_matters,
    placeable,
    rounds,
)
from vhost_tempest_plugin.scenario.requests.node_capacity import (
    NodeCapacity,
    capacities,
    more_than_half,
)
from vhost_tempest_plugin.scenario.requests.server_requests import NODE_MEMORY_MIB, nics, request
from vhost_tempest_plugin.scenario.requires import requires

MIB_KIB = 1024
LARGE_KIB, HUGE_KIB = 2 * MIB_KIB, 1024 * MIB_KIB
MEMORY = (Shortage.MEMORY, Shortage.PAGES, Shortage.TOTAL_MEMORY, Shortage.ONE_NODE)


def large(kind: DeviceKind) -> Request:
    """A server on pages of 2 MiB with a device."""
    return request(page_size=LARGE_KIB, devices=nics(kind))


def huge(kind: DeviceKind) -> Request:
    """A server of one page of 1 GiB with a device."""
    return request(memory_mib=HUGE_KIB // MIB_KIB, page_size=HUGE_KIB, devices=nics(kind))


LARGE = placeable("a server on pages of 2 MiB with a device of their node", large)
HUGE = placeable("a server on a page of 1 GiB with a device of its node", huge)


class MemoryTest(ScenarioTest):
    """Counts memory."""

    def capacities(self) -> tuple[NodeCapacity, ...]:
        """The nodes of all hosts."""
        return capacities((host.layout for host in self.hosts.values()), self.kind)

    def until_refused(self, asked: Request) -> None:
        """Ask again and again, once more than there are nodes, which are enough."""
        attempts = (self.attempt(asked)[0] for _ in (*self.capacities(), None))
        self.assertTrue(any(isinstance(attempt, Rejection) for attempt in attempts))


class LargePagesTest(MemoryTest):
    """``hw:mem_page_size``: 2 MiB."""

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("0c5f8e2a-9d41-4b73-8f06-b7e3a1d9c251")
    @requires(LARGE)
    def test_pages_and_device_of_one_node(self) -> None:
        self.place(large(self.kind), console=True)

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("e9a3d6b0-2f7c-4815-9c5e-4d8b0f6a1e52")
    @requires(LARGE)
    def test_pages_and_cpus_and_device_of_one_node(self) -> None:
        """Dedicated CPUs are on the node, too."""
        asked = request(cpu_policy=CpuPolicy.DEDICATED, page_size=LARGE_KIB, devices=self.nics())
        self.place(asked)

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("73d0b5f9-6e1a-4c28-a49d-8f2c7e5b0a53")
    @requires(LARGE)
    def test_pages_by_rank(self) -> None:
        """``large`` is any but the smallest size, ``any`` is whatever there is."""
        for size in (PageSize.LARGE, PageSize.ANY, PageSize.SMALL):
            server = self.place(request(page_size=size, devices=self.nics()))
            server.delete()

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("b84c1e7d-0f5a-4693-8d2b-c6a9e3f7d054")
    @requires(LARGE)
    def test_pages_run_out_and_come_back(self) -> None:
        pages = [node.huge(LARGE_KIB) for node in self.capacities() if node.huge(LARGE_KIB)]
        takers = (
            request(memory_mib=count * LARGE_KIB // MIB_KIB, page_size=LARGE_KIB) for count in pages
        )
        for equal in rounds(takers, lambda each: each.memory_mib):
            self.place_all(*equal)
        self.refused(large(self.kind), Shortage.PAGES)
        self.place(request(devices=self.nics()))
        self.servers[0].delete()
        self.attempt(large(self.kind))

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("4f6b9d0e-a7c3-4e15-b80f-1d5e2c8a7b55")
    @requires(pages_apart_matters(LARGE_KIB))
    def test_pages_and_devices_apart(self) -> None:
        """Where one node has the pages and another the device, the policy decides."""
        plans = {
            name: pages_apart(capacities([host.layout], self.kind), self.kind, LARGE_KIB)
            for name, host in self.hosts.items()
        }
        name, plan = next((name, plan) for name, plan in plans.items() if plan is not None)
        self.stay_on(name)
        for equal in plan:
            self.place_all(*equal)
        for policy in (NumaPolicy.REQUIRED, NumaPolicy.SOCKET):
            self.attempt(request(page_size=LARGE_KIB, devices=self.nics(1, policy)))
        self.refused(large(self.kind), Shortage.AFFINITY)
        self.place(request(page_size=LARGE_KIB, devices=self.nics(1, NumaPolicy.PREFERRED)))

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("d2e7a0c4-8b9f-4351-9e6d-f3b5c1a8e056")
    @requires(
        placeable(
            "a server of two nodes on pages of 2 MiB with a device",
            lambda kind: request(nodes=2, page_size=LARGE_KIB, devices=nics(kind)),
        )
    )
    def test_pages_of_two_nodes(self) -> None:
        asked = request(nodes=2, page_size=LARGE_KIB, devices=self.nics())
        self.place(asked, console=True)

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("96a8f3d1-5c0e-4b7a-8e29-0b6d4f1c7a57")
    @requires(local_devices(1))
    def test_pages_that_no_node_has(self) -> None:
        """More of 2 MiB than any node has, or any at all, and of 16 MiB, which x86 has not."""
        most = max(node.huge(LARGE_KIB) for node in self.capacities())
        memory_mib = max(NODE_MEMORY_MIB, most * LARGE_KIB // MIB_KIB + 2)
        asked = request(memory_mib=memory_mib, page_size=LARGE_KIB, devices=self.nics())
        self.refused(asked, Shortage.PAGES)
        self.refused(request(page_size=16 * MIB_KIB, devices=self.nics()), Shortage.PAGES)


class HugePagesTest(MemoryTest):
    """``hw:mem_page_size``: 1 GiB."""

    @decorators.attr(type=["memory", "slow"])
    @decorators.idempotent_id("1a9c4e7f-b3d8-4062-a5f1-7e0b8d6c2f58")
    @requires(HUGE)
    def test_page_and_device_of_one_node(self) -> None:
        self.place(huge(self.kind), console=True)

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("c7f2b5e8-0d6a-4943-8b1c-5a3e9f7d0c59")
    @requires(HUGE)
    def test_pages_run_out(self) -> None:
        """A page is a server's own."""
        pages = max(node.huge(HUGE_KIB) for node in self.capacities() if node.devices)
        for _ in range(pages):
            self.attempt(huge(self.kind))
        self.until_refused(huge(self.kind))

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("5d0e8a3b-7c9f-4f16-9a4e-b2c6d8f1e760")
    @requires(HUGE)
    def test_half_a_page_is_none(self) -> None:
        half = request(memory_mib=HUGE_KIB // MIB_KIB // 2, page_size=HUGE_KIB, devices=self.nics())
        self.refused(half, Shortage.PAGES)


class SmallPagesTest(MemoryTest):
    """A node's memory is finite, also where pages are not asked for."""

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("80b6d9f4-1e3c-4a57-8d05-e7f2a9c3b161")
    @requires(local_devices(1))
    def test_memory_of_nodes_with_devices_runs_out(self) -> None:
        """Each server has more than half of what the largest of them has."""
        for size in (None, PageSize.SMALL):
            asked = request(memory_mib=self.much(), page_size=size, devices=self.nics())
            self.until_refused(asked)
            self.delete(*self.servers)

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("4a390598-cb12-4ec5-b96e-3680e01ec09c")
    @requires(local_devices(2), dedicated_cpus(2))
    def test_memory_of_pinned_guests_runs_out(self) -> None:
        """They do not share theirs, whatever may be overcommitted (bug 1811886)."""
        asked = request(memory_mib=self.much(), cpu_policy=CpuPolicy.DEDICATED, devices=self.nics())
        self.until_refused(asked)

    @decorators.attr(type=["memory"])
    @decorators.idempotent_id("ae4d7c10-9f2b-4683-b5e7-3c8a0d6f9b62")
    @requires(local_devices(1))
    def test_more_memory_than_any_node_has(self) -> None:
        most = max(node.memory_mib for node in self.capacities())
        self.refused(request(memory_mib=most, devices=self.nics()), *MEMORY)

    def much(self) -> int:
        """More than half of the memory of each node with devices."""
        return more_than_half([node.memory_mib for node in self.capacities() if node.devices])
