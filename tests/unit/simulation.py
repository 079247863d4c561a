# SPDX-License-Identifier: Apache-2.0
"""A cloud that does with each request one of the things that it may do, and takes no time.

Scenarios run on it: whatever Nova makes of a request, what a scenario says of the next one must
follow from the topology.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import (
    Choice,
    Conflict,
    GuestNode,
    HostCandidate,
    Limits,
    Observation,
    Placed,
    Rejection,
    admits,
    possible_outcomes,
    ranked,
    refusal,
)
from vhost_tempest_plugin.nova.expect.fit import threads_a_core
from vhost_tempest_plugin.nova.expect.outcome import CellFit
from vhost_tempest_plugin.nova.request import EmulatorPolicy, Request, ThreadPolicy
from vhost_tempest_plugin.nova.views import NovaView, TrackedDevice
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.clients.stopwatch import Stopwatch
from vhost_tempest_plugin.scenario.guest import Attempt, Guest
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

HOST = "simulated"
_MESSAGE = "no host has it; or it says hw_pci_numa_affinity_policy twice"


@cache
def laid_out(topology: str) -> Layout:
    """Read once."""
    return catalog.find(topology)


def names(count: int) -> tuple[str, ...]:
    """Those of that many hosts."""
    return (HOST, *(f"{HOST}-{number}" for number in range(1, count)))


class SimulatedGuest(Guest):
    """A guest that needs no booting."""

    def report(self) -> Any:
        return None

    def delete(self) -> None:
        self._test.guests.remove(self)


class SimulatedWatch:
    """A host of which its kernel has kept a twentieth of the memory."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.node: Any = self
        self.dedicated = pci_devices.cpu_sets(layout).dedicated
        self.tracked: tuple[TrackedDevice, ...] = ()

    def run(self, script: str, arguments: Sequence[str]) -> str:
        """What a script prints that asks for the interfaces of a device."""
        assert "/net" in script, script
        return f"enp{arguments[0][5:7]}\n"

    def nova(self) -> NovaView:
        """What Nova's database says; nothing of guests where a test did not care."""
        return NovaView("root", self.tracked, {})

    def candidate(self, limits: Limits) -> HostCandidate:
        kib = {node.id: node.memory_mib * 1024 * 19 // 20 for node in self.layout.host.nodes}
        return HostCandidate(self.layout, limits, kib)


class Simulation:
    """One test on hosts with a topology; *guest* is what becomes of what it places.

    :param best: Nova does what it prefers, else anything that it may do
    :param hosts: how many
    """

    guest: type[SimulatedGuest] = SimulatedGuest

    def __init__(
        self,
        case: type[ScenarioTest],
        name: str,
        topology: str,
        seed: int,
        best: bool,
        hosts: int = 1,
    ) -> None:
        self.random, self.best = Random(seed), best
        self.many = 0
        layout = laid_out(topology)
        self.test: Any = case(name)
        self.test.hosts = {each: SimulatedWatch(layout) for each in names(hosts)}
        self.test.site = SimpleNamespace(limits=Limits(), deployment=self)
        self.test.cloud = self
        self.test.watch = Stopwatch()
        self.test.guests = []
        self.test._asked = []
        self.test._ask_all = lambda requests, console: [str(i) for i in range(len(requests))]
        self.test.came_of = self.came_of
        self.test.delete = lambda *guests: [guest.delete() for guest in guests]

    def run(self) -> None:
        self.test.gather()
        # Not the instance's, which would want a failure where one is expected of Nova.
        getattr(type(self.test), self.test._testMethodName)(self.test)

    @contextmanager
    def configured(self, service: str, options: Mapping[str, str]) -> Iterator[None]:
        yield

    @property
    def services(self) -> "Simulation":
        return self

    def disable(self, host: str) -> None:
        return

    enable = disable

    def create_many(self, request: Request, count: int, watch: object) -> tuple[str, ...]:
        self.many = count
        return tuple(str(i) for i in range(count))

    def came_of(
        self, requests: Sequence[Request], asked: Sequence[str], *, console: bool = False
    ) -> tuple[Attempt, ...]:
        fleet = dict(self.test.fleet())
        attempts: dict[int, Attempt] = {}
        for number in self.random.sample(range(len(requests)), len(requests)):
            request = requests[number]
            expected = possible_outcomes(fleet, request)
            refused = refusal(expected)
            if refused is not None:
                of_api = isinstance(refused.reason, Conflict)
                status = refused.reason.http_status if of_api else None
                attempts[number] = Rejection(status, _MESSAGE)
                continue
            places = {name: each for name, each in expected.items() if isinstance(each, Placed)}
            name = self.random.choice(sorted(places))
            guest = self.guest(self.test, number, str(number), request, name)
            guest.seen = self.seen(fleet[name], request, places[name])
            fleet[name] = fleet[name].after(request, guest.seen)
            attempts[number] = guest
        if self.many and any(isinstance(each, Rejection) for each in attempts.values()):
            attempts = dict.fromkeys(range(self.many), Rejection(None, _MESSAGE))
        self.many = 0
        self.test.guests += [each for each in attempts.values() if isinstance(each, Guest)]
        return tuple(attempts[number] for number in range(len(requests)))

    def seen(self, host: HostCandidate, request: Request, expected: Placed) -> Observation:
        """One of the ways to place it."""
        choices = [choice for choice in expected.choices if choice.certain] or expected.choices
        choice = self.random.choice(choices)
        if self.best:
            choice = ranked(
                expected, host.layout, request, host.load, host.limits, host.memory_kib
            )[0]
        nodes = tuple(self.node(berth, expected.thread_policy) for berth in choice.berths)
        devices: set[PciAddress] = set()
        for supply in choice.supplies:
            take = self.random.choice(sorted(supply.takes))
            for group, count in zip(supply.groups, take, strict=True):
                devices.update(self.random.sample(sorted(group), count))
        emulator = self.emulator(expected, choice, nodes)
        seen = Observation(nodes, frozenset(devices), emulator)
        assert not admits(expected, seen), admits(expected, seen)
        return seen

    def node(self, berth: CellFit, policy: ThreadPolicy | None) -> GuestNode:
        cpus = self.pins(berth, policy)
        sizes = berth.page_sizes_kib
        return GuestNode(
            node=berth.node,
            pins=dict(zip(sorted(berth.dedicated), cpus, strict=True)),
            floating=berth.shared if berth.floating else None,
            memory_mib=berth.memory_mib,
            page_size_kib=(sizes[0] if self.best else self.random.choice(sizes)) if sizes else None,
        )

    def pins(self, berth: CellFit, policy: ThreadPolicy | None) -> list[int]:
        count = len(berth.dedicated)
        if not count:
            return []
        ways = threads_a_core(berth.cores, count)
        if policy is ThreadPolicy.REQUIRE:
            ways = tuple(threads for threads in ways if threads > 1)
        threads = ways[0] if self.best else self.random.choice(ways)
        cores = [core for core in berth.cores if len(core) >= threads]
        if not self.best:
            self.random.shuffle(cores)
        return [cpu for core in cores for cpu in sorted(core)[:threads]][:count]

    def emulator(
        self, expected: Placed, choice: Choice, nodes: tuple[GuestNode, ...]
    ) -> frozenset[int] | None:
        pins = frozenset(cpu for node in nodes for cpu in node.pins.values())
        if not choice.berths:
            return None
        if expected.emulator_policy is EmulatorPolicy.ISOLATE:
            berth = choice.berths[0]
            return frozenset(sorted(berth.free - pins)[: berth.reserved])
        if expected.emulator_policy is EmulatorPolicy.SHARE and expected.shared:
            return expected.shared
        return pins.union(*(berth.shared for berth in choice.berths if berth.floating))
