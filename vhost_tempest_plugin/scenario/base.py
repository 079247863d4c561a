# SPDX-License-Identifier: Apache-2.0
"""What all scenarios with guests have in common.

A scenario asks (``place``, ``refused``, ``attempt``), does something with its guests, and says what
is special about it.  What must come of a request is computed from the topology and from what the
test has placed so far; whether the five views agree is looked at after each step, and at the end
that nothing is held any more.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from tempest.lib import exceptions

from vhost_tempest_plugin.host.nested_guest import GuestReport
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import (
    Conflict,
    HostLoads,
    Observation,
    Refused,
    Rejection,
    RequestOutcome,
    Shortage,
    order_differences,
    outcome_differences,
    possible_outcomes,
    refusal,
)
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, NumaPolicy
from vhost_tempest_plugin.nova.request import DeviceRequest, Request
from vhost_tempest_plugin.scenario.base_host import BaseHostTest
from vhost_tempest_plugin.scenario.guest import Attempt, Guest
from vhost_tempest_plugin.scenario.requests import server_requests
from vhost_tempest_plugin.scenario.requests.load_plans import rounds

_NO_HOST = ("No valid host was found", "Exhausted all hosts available for retrying")


class ScenarioTest(BaseHostTest):
    """Boots guests on the hosts.

    *on_one* is whether Nova is to choose one of several hosts only, that with most devices.
    """

    on_one: ClassVar[bool] = False
    _only: str | None = None

    def setUp(self) -> None:
        super().setUp()
        self.gather()

    def gather(self) -> None:
        """Have the guests on one host, where the tests want that."""
        if self.on_one:
            self.stay_on(self.fullest())

    def fullest(self) -> str:
        """The host with most devices of the first sort."""
        kind = self.kind
        return max(
            self.hosts, key=lambda name: len(pci_devices.rows(self.hosts[name].layout, kind))
        )

    @property
    def kind(self) -> DeviceKind:
        """The first sort of device that the hosts have for guests."""
        return pci_devices.tracked(host.layout for host in self.hosts.values())[0]

    def stay_on(self, host: str) -> None:
        """Have Nova choose this host and no other until the test ends."""
        for other in self.hosts:
            if other != host:
                self.addCleanup(self.cloud.services.enable, other)
                self.cloud.services.disable(other)
        self._only = host

    def nics(
        self, count: int = 1, policy: NumaPolicy = NumaPolicy.REQUIRED
    ) -> tuple[DeviceRequest, ...]:
        """That many devices of the first sort."""
        return server_requests.nics(self.kind, count, policy)

    def place(self, request: Request, *, console: bool = False, ports: Sequence[str] = ()) -> Guest:
        """A guest of this request, which must be placed, where it must be.

        :param console: it boots a system, and what that tells is waited for, too
        :param ports: ids of ordinary ports for it; it boots a system then, which is not waited for
        """
        if ports:
            return self._place_with(ports, request)
        (guest,) = self.place_all(request, console=console)
        return guest

    def place_all(self, *requests: Request, console: bool = False) -> tuple[Guest, ...]:
        """Guests that are asked for at once and all must be placed."""
        guests = []
        for attempt in self.attempt(*requests, console=console):
            if isinstance(attempt, Rejection):
                self.fail(f"it is refused ({attempt.message}), and the topology admits that")
            guests.append(attempt)
        return tuple(guests)

    def _place_with(self, ports: Sequence[str], request: Request) -> Guest:
        """What a guest says of NICs that are no devices of the host no view knows of."""
        fleet = self.fleet()
        asked = [self._ask(request, console=True, ports=ports)]
        (guest,) = self.came_of([request], asked)
        if isinstance(guest, Rejection):
            self.fail(f"it is refused: {guest.message}")
        self.judge_all(fleet, [request], [guest])
        return guest

    def place_in_rounds(
        self, requests: Iterable[Request], *, console: bool = False
    ) -> tuple[Guest, ...]:
        """Guests that all must be placed: those with most devices first, equal ones at once.

        They have the fewest places.
        """
        plan = rounds(requests, lambda each: sum(device.count for device in each.devices))
        return tuple(guest for equal in plan for guest in self.place_all(*equal, console=console))

    def refused(self, request: Request, *reasons: Shortage | Conflict) -> Rejection:
        """A request that must be refused.

        :param reasons: for one of these, which the topology must lead to; any where there is none
        """
        self.expect_refusal(request, *reasons)
        (attempt,) = self.attempt(request)
        if isinstance(attempt, Guest):
            self.fail(f"{request} is placed")
        return attempt

    def attempt(self, *requests: Request, console: bool = False) -> tuple[Attempt, ...]:
        """Requests that are made at once, with what came of each; the topology decides.

        Where one does not come to what it must, or the views of a guest differ, the test fails.
        """
        fleet = self.fleet()
        attempts = self.came_of(requests, self._ask_all(requests, console), console=console)
        self.judge_all(fleet, requests, attempts)
        for guest in attempts if console else ():
            if isinstance(guest, Guest):
                guest.report()
        return attempts

    def came_of(
        self,
        requests: Sequence[Request],
        asked: Sequence[str | Rejection],
        *,
        console: bool = False,
    ) -> tuple[Attempt, ...]:
        """What came of requests for which the API gave a server each, or refused them; waits.

        Where the views of a guest differ, the test fails.
        """
        servers = [server for server in asked if isinstance(server, str)]
        self._asked += (server for server in servers if server not in self._asked)
        settled = self.cloud.settled(servers, self.watch, status="ACTIVE")
        attempts: list[Attempt] = []
        for request, server in zip(requests, asked, strict=True):
            if isinstance(server, Rejection):
                attempts.append(server)
            elif settled[server]["status"] == "ERROR":
                attempts.append(Rejection(None, self._no_host(server)))
            else:
                host = settled[server]["OS-EXT-SRV-ATTR:host"]
                attempts.append(Guest(self, self._count, server, request, host, console=console))
                self._count += 1
        placed = [attempt for attempt in attempts if isinstance(attempt, Guest)]
        self.guests += placed
        self._require(self.inspector.facts(placed, "boot", moved=True))
        return tuple(attempts)

    def fleet(self) -> HostLoads:
        """The hosts that Nova may choose, with the load of this test's guests."""
        fleet = {
            name: host.candidate(self.site.limits)
            for name, host in self.hosts.items()
            if self._only in (None, name)
        }
        for guest in self.guests:
            claims = [(guest.request, guest.host, guest.seen)]
            if guest.left is not None:
                claims.append(guest.left)
            for request, host, seen in claims:
                if host in fleet:
                    fleet[host] = fleet[host].after(request, seen)
        return fleet

    def judge(self, fleet: HostLoads, request: Request, host: str, seen: Observation) -> None:
        """Fail where a guest is not where the topology says that it may be."""
        self._require(
            outcome_differences(
                possible_outcomes(fleet, request), RequestOutcome(request, host, seen)
            )
        )

    def judge_all(
        self, fleet: HostLoads, requests: Sequence[Request], attempts: Sequence[Attempt]
    ) -> None:
        """Fail where requests that were made at once came to what no order of them explains."""
        outcomes = [
            RequestOutcome(request, attempt.host, attempt.seen)
            if isinstance(attempt, Guest)
            else RequestOutcome(request, None, attempt)
            for request, attempt in zip(requests, attempts, strict=True)
        ]
        self._require(order_differences(fleet, outcomes))

    def expect_refusal(
        self, request: Request, *reasons: Shortage | Conflict, fleet: HostLoads | None = None
    ) -> Refused:
        """Fail where the topology does not lead to a refusal, for one of these reasons.

        :param fleet: the hosts that come into question; all where it is None
        """
        expected = refusal(possible_outcomes(self.fleet() if fleet is None else fleet, request))
        if expected is None:
            self.fail(f"the topology has a place for {request}")
        if reasons:
            self.assertIn(expected.reason, reasons, expected.detail)
        return expected

    def check(
        self,
        guest: Guest,
        step: str,
        *,
        report: GuestReport | None = None,
        moved: bool = False,
    ) -> None:
        """Fail where the views of a guest differ, or where it is not what and where it was.

        :param moved: it may be elsewhere than it was
        """
        self._require(self.inspector.facts([guest], step, report=report, moved=moved))

    def delete(self, *guests: Guest) -> None:
        """Delete guests at once; fail where anything of theirs is still held."""
        self.cloud.delete([guest.id for guest in guests], self.watch)
        for guest in guests:
            self.left_host(guest, "delete")

    def left_host(self, guest: Guest, step: str) -> None:
        """Fail where anything is still held by a guest that has no host any more."""
        self.guests.remove(guest)
        self.released(guest, guest.host, step)

    def released(self, guest: Guest, host: str, step: str) -> None:
        """Fail where anything of a host is still held by a guest that is not on it any more."""
        self._require(self.inspector.held_by(guest, host, step, self.watch))

    def fault(self, server: str) -> str:
        """Nova's reason for a server's failure."""
        fault = self.cloud.show(server).get("fault", {})
        return str(fault.get("message", "no reason is given"))

    def _ask_all(self, requests: Sequence[Request], console: bool) -> list[str | Rejection]:
        """Ask for several at the same moment."""
        if len(requests) == 1:
            return [self._ask(requests[0], console)]
        with self.watch.waiting("the API"), ThreadPoolExecutor(len(requests)) as pool:
            for request in requests:
                self.cloud.prepare(request, console=console)
            return list(pool.map(self._ask, requests, [console] * len(requests)))

    def _ask(
        self, request: Request, console: bool = False, ports: Sequence[str] = ()
    ) -> str | Rejection:
        try:
            server = self.cloud.create(request, self.watch, console=console, ports=ports)
        except exceptions.ClientRestClientException as error:
            message = str(error.resp_body) if error.resp_body else str(error)
            return Rejection(int(error.resp.status), message)
        self._asked.append(server)
        return server

    def _no_host(self, server: str) -> str:
        """Why no host was found; anything else is a failure."""
        fault = self.fault(server)
        if not any(words in fault for words in _NO_HOST):
            self.fail(f"server {server} failed: {fault}")
        return fault
