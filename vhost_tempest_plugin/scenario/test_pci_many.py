# SPDX-License-Identifier: Apache-2.0
"""Many devices, many servers, and all at once: as many run as there is room for, none twice."""

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.requirement import device_kinds, devices, local_devices
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import Rejection, Shortage
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import CpuPolicy, Request
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.placed_server import PlacedServer
from vhost_tempest_plugin.scenario.requests import server_requests
from vhost_tempest_plugin.scenario.requests.node_capacity import capacities
from vhost_tempest_plugin.scenario.requests.server_requests import by_node, request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.server import Attempt, Server

PREFERRED = NumaPolicy.PREFERRED
CROWD = 20
# With more devices than that each server of a crowd has several, so that they run out.
_GUESTS = 9


class ManyTest(ScenarioTest):
    """Counts the devices."""

    @classmethod
    def resource_setup(cls) -> None:
        super().resource_setup()
        cls.addClassResourceCleanup(cls.cloud.lift_quotas())

    def near(self) -> int:
        """How many devices a node has at most."""
        layouts = [host.layout for host in self.hosts.values()]
        return max(node.devices for node in capacities(layouts, self.kind))

    def each(self) -> dict[str, int]:
        """How many devices each host has."""
        return {
            name: sum(map(len, by_node(host.layout, self.kind).values()))
            for name, host in self.hosts.items()
        }

    def all(self) -> int:
        """How many devices there are on all hosts."""
        return sum(self.each().values())

    def share(self) -> Request:
        """A server of a crowd that comes for all devices, wherever they are."""
        return request(devices=self.nics(self.portion(), PREFERRED))

    def portion(self) -> int:
        """How many devices each of a crowd wants."""
        return -(-self.all() // _GUESTS)

    def room(self) -> int:
        """How many of a crowd there are devices for."""
        return sum(count // self.portion() for count in self.each().values())


class AliasTest(ManyTest):
    """Several devices for one server."""

    @decorators.attr(type=["many"])
    @decorators.idempotent_id("b3d9f6a0-7e4c-4218-9b5f-c8e1a0d7f281")
    @requires(local_devices(2))
    def test_several_devices_of_one_alias(self) -> None:
        """Servers share what a node has: one takes two, others what is left."""
        self.place(request(devices=self.nics(2)), console=True)
        for count in (2, 1):
            self.attempt(request(devices=self.nics(count)))

    @decorators.attr(type=["many"])
    @decorators.idempotent_id("6e1c8b4d-0f9a-4735-a2d6-5b7f3e9c0a82")
    @requires(local_devices(2))
    def test_two_aliases(self) -> None:
        """Each has its own policy."""
        self.place(request(devices=(*self.nics(), *self.nics(1, PREFERRED))), console=True)

    @decorators.attr(type=["many"])
    @decorators.idempotent_id("d80a5f2e-6b3c-4e91-8f7d-9c4b1e0a6d83")
    @requires(local_devices(2))
    def test_two_aliases_that_only_together_are_too_many(self) -> None:
        """The devices near by are enough for each alone."""
        count = self.near()
        for policy in (NumaPolicy.REQUIRED, NumaPolicy.SOCKET, PREFERRED):
            self.attempt(request(devices=(*self.nics(count), *self.nics(1, policy))))
            self.delete(*self.servers)

    @decorators.attr(type=["many"])
    @decorators.idempotent_id("27f4d0c9-a8e6-4b5d-9e13-f6b2c7d8e084")
    @requires(device_kinds(2))
    def test_devices_of_two_kinds(self) -> None:
        kinds = pci_devices.tracked(host.layout for host in self.hosts.values())
        self.place(
            request(devices=tuple(server_requests.nics(kind)[0] for kind in kinds)), console=True
        )

    @decorators.attr(type=["many"])
    @decorators.idempotent_id("0ba6e3f8-d5c1-4970-8a4e-2d9f7b0c5e85")
    @requires(devices(1))
    def test_more_devices_than_there_are(self) -> None:
        for policy in NumaPolicy:
            self.refused(request(devices=self.nics(self.all() + 1, policy)))
        every = request(nodes=None, devices=self.nics(self.all() + 1))
        self.refused(every, Shortage.DEVICES)


class RunOutTest(ManyTest):
    """Requests for what is left."""

    @decorators.attr(type=["many"])
    @decorators.idempotent_id("f58c1d7b-9a0e-4364-b7c2-e3d6f9a8b186")
    @requires(devices(2))
    def test_two_are_asked_for_and_one_is_left(self) -> None:
        """https://bugs.launchpad.net/nova/+bug/1986838: one device is not given twice."""
        host = self.fullest()
        self.stay_on(host)
        left = self.each()[host] - 1
        while left:
            count = min(left, _GUESTS)
            self.place(request(devices=self.nics(count, PREFERRED)))
            left -= count
        self.refused(request(devices=self.nics(2, PREFERRED)), Shortage.DEVICES)
        self.place(request(devices=self.nics(1, PREFERRED)))
        self.refused(request(devices=self.nics(1, PREFERRED)), Shortage.DEVICES)

    @decorators.attr(type=["many", "slow"])
    @decorators.idempotent_id("94e7b2a6-c0d3-4f8b-a5e9-1f6c8d0b7a87")
    @requires(devices(2))
    def test_a_crowd_comes_for_all_devices(self) -> None:
        """Twenty servers are asked for at once; all devices are given away, and none twice."""
        attempts = self.attempt(*[self.share()] * CROWD)
        placed = [attempt for attempt in attempts if isinstance(attempt, Server)]
        self.assertEqual(self.room(), len(placed))
        given = [(server.host, device) for server in placed for device in server.devices]
        self.assertEqual(len(set(given)), len(given))

    @decorators.attr(type=["many", "slow"])
    @decorators.idempotent_id("c1a9d8e4-5f7b-4026-9d3c-b0e6f4a2c788")
    @requires(devices(2))
    def test_a_crowd_comes_for_devices_of_its_nodes(self) -> None:
        """Servers with dedicated CPUs: what runs out first depends on the host."""
        asked = request(cpu_policy=CpuPolicy.DEDICATED, devices=self.nics(self.portion()))
        self.attempt(*[asked] * CROWD)


class MultiCreateTest(ManyTest):
    """``min_count``: one request for several servers, all of them or none."""

    def attempt_many(self, request: Request, count: int) -> tuple[Attempt, ...]:
        """That many servers by one request; where they are is judged when they run."""
        loads, requests = self.session.placed.loads(), [request] * count
        servers = self.cloud.create_many(request, count, self.watch)
        outcomes = self.session.settle_all(requests, servers)
        if any(isinstance(outcome, PlacedServer) for outcome in outcomes):
            self.session.judge_all(loads, requests, outcomes)
        return self.attempts(outcomes)

    @decorators.attr(type=["many", "slow"])
    @decorators.idempotent_id("3d6f0e8b-b4a7-4c19-8e5d-7a2c9f1d0b89")
    @requires(devices(2))
    def test_as_many_as_there_are_devices_for(self) -> None:
        count = self.room()
        attempts = self.attempt_many(self.share(), count)
        self.assertEqual([], [each for each in attempts if isinstance(each, Rejection)])

    @decorators.attr(type=["many"])
    @decorators.idempotent_id("8f2b7d5c-e9a0-4e64-b1f8-c5d3a6e0f790")
    @requires(devices(1))
    def test_one_more_than_there_are_devices_for(self) -> None:
        """Then none of them runs."""
        count = self.room() + 1
        attempts = self.attempt_many(self.share(), count)
        self.assertEqual([], [each for each in attempts if isinstance(each, Server)])
