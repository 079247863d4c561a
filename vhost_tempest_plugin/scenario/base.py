# SPDX-License-Identifier: Apache-2.0
"""The base class of scenarios that boot servers.

A scenario asks for servers (``place``, ``refused``, ``attempt``), does something with them, and
asserts what is special about it.  What must come of each request is computed from the topology and
from what the test has placed so far; the five views are compared after each step, and at the end
nothing may be held any more (``scenario.session``).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

from vhost_tempest_plugin.cloud.deployment.driver import Deployment
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import (
    Conflict,
    Rejection,
    RequestOutcome,
    Shortage,
    order_differences,
)
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, NumaPolicy
from vhost_tempest_plugin.nova.request import DeviceRequest, Request
from vhost_tempest_plugin.scenario.base_host import BaseHostTest
from vhost_tempest_plugin.scenario.placed_server import PlacedServer
from vhost_tempest_plugin.scenario.requests import server_requests
from vhost_tempest_plugin.scenario.requests.load_plans import rounds
from vhost_tempest_plugin.scenario.server import Attempt, Server
from vhost_tempest_plugin.topology.pci import PciAddress


def allocation(status: str, instance: str = "") -> str:
    """A row of Nova's ``pci_devices`` in words."""
    return f"{status} for {instance}" if instance else status


# Stands for whatever Nova says in a message.
_ANY = "@"


class ScenarioTest(BaseHostTest):
    """Boots servers on the hosts; use it where the cloud's options and hardware stay as they are.

    *on_one* is whether Nova is to choose one of several hosts only, that with most devices.
    """

    on_one: ClassVar[bool] = False

    def setUp(self) -> None:
        super().setUp()
        self.gather()

    def gather(self) -> None:
        """Have the servers on one host, where the tests want that."""
        if self.on_one:
            self.stay_on(self.fullest())

    def fullest(self) -> str:
        """The host with most devices of the first kind."""
        kind = self.kind
        return max(
            self.hosts, key=lambda name: len(pci_devices.rows(self.hosts[name].layout, kind))
        )

    @property
    def kind(self) -> DeviceKind:
        """The first kind of device that the hosts have for servers."""
        return pci_devices.tracked(host.layout for host in self.hosts.values())[0]

    @property
    def servers(self) -> tuple[Server, ...]:
        """The servers that have a host now."""
        return tuple(Server(self.session, server.id) for server in self.session.placed.hosted)

    @property
    def driver(self) -> Deployment:
        """What changes the deployment; tests that need it declare so."""
        if self.site.deployment is None:
            raise VhostError("[vhost]driver is not set")
        return self.site.deployment

    def stay_on(self, host: str) -> None:
        """Have Nova choose this host and no other until the test ends."""
        for other in self.hosts:
            if other != host:
                self.addCleanup(self.cloud.services.enable, other)
                self.cloud.services.disable(other)
        self.session.placed.only = host

    @contextmanager
    def only_on(self, host: str) -> Iterator[None]:
        """Have Nova choose this host and no other while the block runs."""
        before = self.session.placed.only
        if before == host:
            yield
            return
        self.stay_on(host)
        try:
            yield
        finally:
            for other in self.hosts:
                self.cloud.services.enable(other)
            self.session.placed.only = before

    def nics(
        self, count: int = 1, policy: NumaPolicy = NumaPolicy.REQUIRED
    ) -> tuple[DeviceRequest, ...]:
        """That many devices of the first kind."""
        return server_requests.nics(self.kind, count, policy)

    def place(
        self, request: Request, *, console: bool = False, ports: Sequence[str] = ()
    ) -> Server:
        """A server of this request, which must be placed, where it must be.

        :param console: it boots a system, and the test waits for what that reports
        :param ports: ids of ordinary ports for it; it boots a system, and nothing waits for that
        """
        if ports:
            return self._place_with(ports, request)
        (server,) = self.place_all(request, console=console)
        return server

    def place_all(self, *requests: Request, console: bool = False) -> tuple[Server, ...]:
        """Servers that are asked for at once and all must be placed."""
        servers = []
        for attempt in self.attempt(*requests, console=console):
            if isinstance(attempt, Rejection):
                self.fail(f"it is refused ({attempt.message}), as the topology allows")
            servers.append(attempt)
        return tuple(servers)

    def _place_with(self, ports: Sequence[str], request: Request) -> Server:
        """The report of a guest with ordinary NICs is left out: only devices are in all views."""
        loads = self.session.placed.loads()
        asked = self.session.ask([request], console=True, ports=ports)
        (outcome,) = self.session.settle_all([request], asked)
        if isinstance(outcome, Rejection):
            self.fail(f"it is refused: {outcome.message}")
        self.session.judge_all(loads, [request], [outcome])
        return Server(self.session, outcome.id)

    def place_in_rounds(
        self, requests: Iterable[Request], *, console: bool = False
    ) -> tuple[Server, ...]:
        """Servers that all must be placed: those with most devices first, equal ones at once.

        Those with most devices fit in the fewest places.
        """
        plan = rounds(requests, lambda each: sum(device.count for device in each.devices))
        return tuple(server for equal in plan for server in self.place_all(*equal, console=console))

    def refused(self, request: Request, *reasons: Shortage | Conflict) -> Rejection:
        """A request that must be refused.

        :param reasons: for one of these, which the topology must lead to; any where there is none
        """
        self.session.expect_refusal(request, *reasons)
        (attempt,) = self.attempt(request)
        if isinstance(attempt, Server):
            self.fail(f"{request} is placed")
        return attempt

    def attempt(self, *requests: Request, console: bool = False) -> tuple[Attempt, ...]:
        """Requests that are made at once, with what came of each; the topology decides.

        Where one does not come to what it must, or the views of a server differ, the test fails.
        """
        loads = self.session.placed.loads()
        asked = self.session.ask(requests, console=console)
        outcomes = self.session.settle_all(requests, asked, console=console)
        self.session.judge_all(loads, requests, outcomes)
        attempts = self.attempts(outcomes)
        for server in attempts if console else ():
            if isinstance(server, Server):
                server.report()
        return attempts

    def attempts(self, outcomes: Iterable[PlacedServer | Rejection]) -> tuple[Attempt, ...]:
        """Outcomes of the session's, as servers that something can be done with."""
        return tuple(
            each if isinstance(each, Rejection) else Server(self.session, each.id)
            for each in outcomes
        )

    def wrong_refusal(self, request: Request) -> str:
        """A pattern of the fact that Nova finds no host for a request, and the topology has one."""
        outcome = RequestOutcome(request, None, Rejection(None, _ANY))
        facts = order_differences(self.session.placed.loads(), [outcome])
        return "|".join(re.escape(fact).replace(_ANY, ".*") for fact in facts)

    def allocations(self, host: str) -> Mapping[PciAddress, str]:
        """What Nova's database says of each device of a host: its status, and whose it is."""
        return {
            device.row.address: allocation(device.status, device.instance)
            for device in self.hosts[host].nova().devices
        }

    def delete(self, *servers: Server) -> None:
        """Delete servers at once; fail where anything of theirs is still held."""
        self.session.delete(*(server.id for server in servers))
