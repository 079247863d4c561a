# SPDX-License-Identifier: Apache-2.0
"""Of several nodes that will do Nova takes the one that it should.

nova/virt/hardware.py, ``numa_fit_instance_to_host``: servers without devices leave nodes with free
devices to those that want them; servers are spread over nodes, or packed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import (
    dedicated_cpus,
    deployment,
    device_nodes,
    devices,
    local_devices,
    nodes,
)
from vhost_tempest_plugin.nova.expect import Placed, departures, ranked
from vhost_tempest_plugin.nova.request import CpuPolicy, Request
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requests.server_requests import by_node, request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.server import Server

DEDICATED = CpuPolicy.DEDICATED
_PACK = "compute.packing_host_numa_cells_allocation_strategy"


class OrderTest(ScenarioTest):
    """Places servers where Nova prefers to have them."""

    def favoured(self, request: Request) -> Server:
        """A server that is placed where Nova should rather have it than anywhere else."""
        loads = self.session.placed.loads()
        server = self.place(request)
        host = loads[server.host]
        expected = host.expects(request)
        if not isinstance(expected, Placed):
            self.fail(f"{server.host} has no place for {request}")
        first = ranked(expected, host.layout, request, host.load, host.limits, host.memory_kib)
        self.assertEqual((), departures(first, expected, server.seen))
        return server

    @contextmanager
    def packing(self, pack: bool) -> Iterator[None]:
        """Have Nova pack servers, or spread them."""
        driver = self.site.deployment
        if driver is None:
            self.fail("[vhost]driver is not set")
        packing = driver.configured("nova-scheduler", {_PACK: str(pack).lower()})
        with self.watch.within("options", packing):
            before = self.session.placed.limits
            self.session.placed.limits = replace(before, pack=pack)
            try:
                yield
            finally:
                self.session.placed.limits = before

    def most(self) -> int:
        """How many devices a node has at most."""
        return max(
            len(found)
            for host in self.hosts.values()
            for node, found in by_node(host.layout, self.kind).items()
            if node is not None
        )


class PreferenceTest(OrderTest):
    """As the options are."""

    @decorators.attr(type=["order"])
    @decorators.idempotent_id("63f9b2d7-4c8e-4015-9ad6-e0b3f7c5a163")
    @requires(device_nodes(1), nodes(2))
    def test_guests_without_devices_keep_clear_of_devices(self) -> None:
        for _ in range(3):
            self.favoured(request())

    @decorators.attr(type=["order"])
    @decorators.idempotent_id("fa1e5c80-7d3b-4f92-8b6c-9d2a4e0f7c64")
    @requires(local_devices(1), nodes(2))
    def test_guest_without_devices_is_where_they_are_taken(self) -> None:
        self.favoured(request(devices=self.nics(self.most())))
        self.favoured(request())

    @decorators.attr(type=["order"])
    @decorators.idempotent_id("2e8d0b6f-c5a9-4173-a7e4-6f1c3b9d5e65")
    @requires(device_nodes(2), devices(3))
    def test_guests_with_devices_are_where_most_are_free(self) -> None:
        for _ in range(3):
            self.favoured(request(devices=self.nics()))

    @decorators.attr(type=["order"])
    @decorators.idempotent_id("b07c9e3a-8f5d-4246-9c1b-d4e6a2f8b066")
    @requires(nodes(2), dedicated_cpus(1))
    def test_pinned_guests(self) -> None:
        """What counts is how many dedicated CPUs are free."""
        self.favoured(request(cpu_policy=DEDICATED))
        self.favoured(request(cpu_policy=DEDICATED))

    @decorators.attr(type=["order"])
    @decorators.idempotent_id("9d5a3f71-0e6c-4b8d-b2f9-7c4e1a8d0f67")
    @requires(nodes(3), device_nodes(1))
    def test_guest_of_two_nodes(self) -> None:
        self.favoured(request(nodes=2))
        self.favoured(request(nodes=2, devices=self.nics()))


class StrategyTest(OrderTest):
    """``[compute]packing_host_numa_cells_allocation_strategy``."""

    @decorators.attr(type=["order", "slow"])
    @decorators.idempotent_id("c4f8e1d6-3b7a-4c59-8e0d-a5b9d2f6c368")
    @requires(nodes(2), local_devices(1), deployment(DriverCapability.CONFIGURE))
    def test_packed(self) -> None:
        """https://bugs.launchpad.net/nova/+bug/2144660: also then nodes with devices are last."""
        with self.packing(True):
            self.favoured(request())
            self.favoured(request())
            self.favoured(request(cpu_policy=DEDICATED))
            self.favoured(request(devices=self.nics()))
            self.favoured(request(devices=self.nics()))

    @decorators.attr(type=["order", "slow"])
    @decorators.idempotent_id("0f7d2a9c-6e4b-4831-a9c5-b8e3f0d7a169")
    @requires(nodes(2), local_devices(1), deployment(DriverCapability.CONFIGURE))
    def test_spread(self) -> None:
        with self.packing(False):
            self.favoured(request())
            self.favoured(request())
            self.favoured(request(cpu_policy=DEDICATED))
            self.favoured(request(devices=self.nics()))
