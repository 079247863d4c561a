# SPDX-License-Identifier: Apache-2.0
"""What a test asks for, what Nova made of it, and whether that is right."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from tempest.lib import exceptions

from vhost_tempest_plugin.host.nested_guest import GuestReport
from vhost_tempest_plugin.nova.expect import (
    Conflict,
    HostLoads,
    Limits,
    Refused,
    Rejection,
    RequestOutcome,
    Shortage,
    order_differences,
    outcome_differences,
    possible_outcomes,
    refusal,
)
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.scenario.clients.cloud import ScenarioCloud
from vhost_tempest_plugin.scenario.clients.stopwatch import Stopwatch
from vhost_tempest_plugin.scenario.inspection.inspector import Inspector
from vhost_tempest_plugin.scenario.inspection.observed_host import ObservedHost
from vhost_tempest_plugin.scenario.inspection.record import Record
from vhost_tempest_plugin.scenario.placed_server import Claim, PlacedServer
from vhost_tempest_plugin.scenario.placed_servers import PlacedServers

_NO_HOST = ("No valid host was found", "Exhausted all hosts available for retrying")
_HOST = "OS-EXT-SRV-ATTR:host"


class DisagreementError(AssertionError):
    """Views differ, or an outcome is not what the topology leads to.

    :param facts: each difference
    """

    def __init__(self, facts: Iterable[object]) -> None:
        self.facts = tuple(map(str, facts))
        super().__init__("\n".join(self.facts))


class Session:
    """Asks for a test's servers and compares what came of it with what is due.

    Methods raise ``DisagreementError`` where something is not as it must be; ``AssertionError``
    where a server fails for another reason.

    :param hosts: the compute hosts by name
    :param limits: what Nova may promise of them
    :param keep: the servers of a test that fails stay, for debugging
    """

    def __init__(
        self,
        cloud: ScenarioCloud,
        hosts: Mapping[str, ObservedHost],
        limits: Limits,
        inspector: Inspector,
        record: Record,
        watch: Stopwatch,
        *,
        keep: bool = False,
    ) -> None:
        self.cloud = cloud
        self.placed = PlacedServers(hosts, limits)
        self.record = record
        self.watch = watch
        # Whether the test has failed.
        self.failed = False
        # The ids of all servers that were asked for.
        self.asked: list[str] = []
        self._keep = keep
        self._inspector = inspector

    def ask(
        self, requests: Sequence[Request], *, console: bool = False, ports: Sequence[str] = ()
    ) -> list[str | Rejection]:
        """Ask for servers at the same moment; the id of each, or the API's refusal.

        :param console: they boot a system that reports on its console
        :param ports: ids of ordinary ports
        """
        if len(requests) == 1:
            return [self._ask(requests[0], console, ports)]
        with self.watch.waiting("the API"), ThreadPoolExecutor(len(requests)) as pool:
            for request in requests:
                self.cloud.prepare(request, console=console)
            return list(pool.map(lambda each: self._ask(each, console, ports), requests))

    def settle_all(
        self,
        requests: Sequence[Request],
        asked: Sequence[str | Rejection],
        *,
        console: bool = False,
    ) -> tuple[PlacedServer | Rejection, ...]:
        """What came of requests for which ``ask`` gave a server each; waits until they run."""
        servers = [server for server in asked if isinstance(server, str)]
        self.asked += (server for server in servers if server not in self.asked)
        loads = self.placed.loads()
        shown = self.cloud.settled(servers, self.watch, status="ACTIVE")
        outcomes: list[str | Rejection] = []
        for request, server in zip(requests, asked, strict=True):
            if isinstance(server, str) and shown[server]["status"] == "ERROR":
                outcomes.append(Rejection(None, self._no_host(server)))
                continue
            if isinstance(server, str):
                claim = Claim.of(loads, request, shown[server][_HOST], requests)
                self.placed.add(server, claim, console=console)
            outcomes.append(server)
        self.check(*(each for each in outcomes if isinstance(each, str)), step="boot", moved=True)
        return tuple(self.placed.of(each) if isinstance(each, str) else each for each in outcomes)

    def check(
        self, *servers: str, step: str, report: GuestReport | None = None, moved: bool = False
    ) -> None:
        """Compare the views of servers, which must be where and what they were.

        :param report: what the guest in it has reported, where there is one server
        :param moved: they may be elsewhere, and have other devices
        """
        facts: list[str] = []
        states = [self.placed.of(server) for server in servers]
        with self.watch.working("inspection"):
            inspections = self._inspector.inspect(*states, report=report)
        for state, inspection in zip(states, inspections, strict=True):
            found = list(inspection.facts)
            if inspection.seen is not None:
                now = replace(state.claim, seen=inspection.seen)
                self.placed.update(state.id, claim=now, console_log=inspection.console_log)
                nodes = inspection.device_nodes or {}
                self.record.server(self.placed.of(state.id), step, self.watch.total_s, nodes)
                if not moved and now != state.claim:
                    found.append(f"it was {state.claim.seen}, is {now.seen}")
            facts += (f"server {state.number} after {step}: {fact}" for fact in found)
        self.record.phase(step, (state.number for state in states), self.watch)
        self.require(facts)

    def judge(self, loads: HostLoads, server: str) -> None:
        """Compare where a server is with what the topology allows under these loads."""
        claim = self.placed.of(server).claim
        outcome = RequestOutcome(claim.request, claim.host, claim.seen)
        self.require(outcome_differences(possible_outcomes(loads, claim.request), outcome))

    def judge_all(
        self,
        loads: HostLoads,
        requests: Sequence[Request],
        outcomes: Sequence[PlacedServer | Rejection],
    ) -> None:
        """Find an order of requests that were made at once which explains what came of them."""
        self.require(
            order_differences(
                loads,
                [
                    RequestOutcome(request, None, outcome)
                    if isinstance(outcome, Rejection)
                    else RequestOutcome(request, outcome.claim.host, outcome.claim.seen)
                    for request, outcome in zip(requests, outcomes, strict=True)
                ],
            )
        )

    def expect_refusal(
        self, request: Request, *reasons: Shortage | Conflict, loads: HostLoads | None = None
    ) -> Refused:
        """Why the topology leads to a refusal; it must, and for one of these reasons.

        :param reasons: any where none is given
        :param loads: the hosts that come into question; all where it is None
        """
        expected = refusal(
            possible_outcomes(self.placed.loads() if loads is None else loads, request)
        )
        if expected is None:
            raise AssertionError(f"the topology has a place for {request}")
        if reasons and expected.reason not in reasons:
            raise AssertionError(f"{expected.reason!r} is not one of {reasons}: {expected.detail}")
        return expected

    def delete(self, *servers: str) -> None:
        """Delete servers at once; nothing of theirs may be held afterwards."""
        self.cloud.delete(servers, self.watch)
        for server in servers:
            self.left_host(server, "delete")

    def left_host(self, server: str, step: str) -> None:
        """Note that a server has no host any more; nothing of that host may be held for it."""
        self.placed.forget(server)
        self.record.left(self.placed.of(server).number, step, self.watch.total_s)
        self.released(server, self.placed.of(server).host, step)

    def released(self, server: str, host: str, step: str) -> None:
        """Nothing of a host may be held for a server that is not on it any more."""
        number = self.placed.of(server).number
        held = self._inspector.held_by(server, host, self.watch)
        self.record.phase(step, (number,), self.watch)
        self.require(f"server {number} after {step}: {leak}" for leak in held)

    def nothing_is_held(self) -> None:
        """Nothing of any host may be held, by whomever; waits for a release."""
        self.require(self._inspector.held(self.watch))

    def leave(self) -> bool:
        """Delete all servers at the end of the test; nothing may be held afterwards.

        :returns: whether servers are kept instead, since the test has failed
        """
        if self._keep and self.failed and self.asked:
            return True
        self.cloud.delete(self.asked, self.watch)
        self.nothing_is_held()
        return False

    def settle(self, server: str, status: str) -> Mapping[str, Any]:
        """Wait until a server has a status; how the API shows it then."""
        shown = self.cloud.settled([server], self.watch, status=status)[server]
        if shown["status"] != status:
            number = self.placed.of(server).number
            raise AssertionError(f"server {number} is {shown['status']}: {self.fault(server)}")
        return shown

    def events(self, server: str, awaited: str) -> Mapping[str, str | None]:
        """What was done for the newest action on a server, with results; waits for one of them."""

        def done() -> Mapping[str, str | None] | None:
            events = self.cloud.events(server)
            return events if events.get(awaited) else None

        return self.cloud.until(done, awaited, self.watch)

    def fault(self, server: str) -> str:
        """Nova's reason for a server's failure."""
        fault = self.cloud.show(server).get("fault", {})
        return str(fault.get("message", "no reason is given"))

    def require(self, facts: Iterable[object]) -> None:
        """Fail with these facts, which the record keeps, where there are any."""
        if known := tuple(facts):
            self.record.disagree(known)
            raise DisagreementError(known)

    def _ask(self, request: Request, console: bool, ports: Sequence[str]) -> str | Rejection:
        try:
            server = self.cloud.create(request, self.watch, console=console, ports=ports)
        except exceptions.ClientRestClientException as error:
            message = str(error.resp_body) if error.resp_body else str(error)
            return Rejection(int(error.resp.status), message)
        self.asked.append(server)
        return server

    def _no_host(self, server: str) -> str:
        """Why no host was found; any other reason is a failure."""
        fault = self.fault(server)
        if not any(words in fault for words in _NO_HOST):
            raise AssertionError(f"server {server} failed: {fault}")
        return fault
