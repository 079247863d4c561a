# SPDX-License-Identifier: Apache-2.0
"""A cloud that does with each request one of the things that it may do, and takes no time.

Scenarios run on it: whatever Nova makes of a request, what a scenario says of the next one must
follow from the topology.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any

from tempest.lib import exceptions
from testtools.testcase import _UnexpectedSuccess

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import (
    Choice,
    Conflict,
    HostCandidate,
    HostLoads,
    InstanceNode,
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
from vhost_tempest_plugin.nova.views import HostDevice, NovaView, Power, Provider, TrackedDevice
from vhost_tempest_plugin.nova.views.nova import ALLOCATED, AVAILABLE
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.clients.stopwatch import Stopwatch
from vhost_tempest_plugin.scenario.inspection.inspector import Inspection
from vhost_tempest_plugin.scenario.inspection.record import Record
from vhost_tempest_plugin.scenario.placed_server import PlacedServer
from vhost_tempest_plugin.scenario.session import Session
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


class SimulatedHost:
    """A host of which its kernel has kept a twentieth of the memory."""

    def __init__(self, layout: Layout, simulation: "Simulation", name: str = HOST) -> None:
        self.layout, self.simulation, self.name = layout, simulation, name
        self.reader: Any = self
        self.dedicated = pci_devices.cpu_sets(layout).dedicated

    def run(self, script: str, arguments: Sequence[str]) -> str:
        """What a script prints that asks for the interfaces of a device."""
        assert "/net" in script, script
        return f"enp{arguments[0][5:7]}\n"

    def nova(self) -> NovaView:
        """What Nova's database says of devices."""
        owners = {
            address: server.id
            for server in self.simulation.session.placed.hosted
            if server.host == self.name and server.id not in self.simulation.gone
            for address in server.claim.seen.devices
        }
        return NovaView(
            "root",
            tuple(
                TrackedDevice(row, ALLOCATED, owners[row.address])
                if row.address in owners
                else TrackedDevice(row, AVAILABLE)
                for row in pci_devices.expected_devices(self.layout)
            ),
            {},
        )

    def snapshot(self) -> Any:
        """What a scenario asks of a snapshot of the host."""
        devices = {
            row.address: HostDevice(row.address, row.numa_node, None, None)
            for row in pci_devices.expected_devices(self.layout)
        }
        host = SimpleNamespace(devices=devices, domains={})
        return SimpleNamespace(nova=self.nova(), host=host, tree={})

    def providers(self) -> tuple[Provider, ...]:
        return ()

    def candidate(self, limits: Limits) -> HostCandidate:
        kib = {node.id: node.memory_mib * 1024 * 19 // 20 for node in self.layout.host.nodes}
        return HostCandidate(self.layout, limits, kib)


class SimulatedInspector:
    """All views agree: a server that runs is where the simulation has it."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation

    def inspect(self, *servers: PlacedServer, report: object = None) -> tuple[Inspection, ...]:
        return tuple(
            Inspection(self._simulation.where[each.id][1] if each.power is Power.ON else None)
            for each in servers
        )

    def held_by(self, server: str, name: str, watch: object) -> tuple[str, ...]:
        return ()

    def held(self, watch: object) -> tuple[str, ...]:
        return ()


class SimulatedSession(Session):
    """Asks for one server after another, so that a run can be repeated."""

    def ask(
        self, requests: Sequence[Request], *, console: bool = False, ports: Sequence[str] = ()
    ) -> list[str | Rejection]:
        return [self._ask(request, console, ports) for request in requests]


class Simulation:
    """One test on hosts with a topology, and the cloud that it asks.

    :param best: Nova does what it prefers, else anything that it may do
    :param hosts: how many
    """

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
        # Servers that are asked for by one request: all of them run, or none.
        self.together: set[str] = set()
        self.requests: dict[str, Request] = {}
        self.where: dict[str, tuple[str, Observation]] = {}
        self.refused: set[str] = set()
        self.gone: set[str] = set()
        # Whether the API does not answer.
        self.down = False
        self.servers = self.services = self
        self.images = SimpleNamespace(of=lambda request, *, console: "image")
        self.placement = SimpleNamespace(of=lambda server, tree: ())
        self.test: Any = case(name)
        layout = laid_out(topology)
        self.use({each: SimulatedHost(layout, self, each) for each in names(hosts)})

    def use(self, hosts: Mapping[str, Any], watch: Any = None) -> None:
        """Have the test on these hosts."""
        test = self.test
        test.hosts, test.cloud, test.watch = hosts, self, watch or Stopwatch()
        test.site = SimpleNamespace(limits=Limits(), deployment=self)
        inspector: Any = SimulatedInspector(self)
        cloud: Any = self
        test.session = SimulatedSession(
            cloud, hosts, Limits(), inspector, Record("test"), test.watch
        )

    @property
    def session(self) -> Session:
        session: Session = self.test.session
        return session

    def run(self) -> None:
        """Run the test; Nova makes no mistakes here, so that an expected failure is none."""
        with suppress(_UnexpectedSuccess):
            self.perform()

    def perform(self) -> None:
        """Run the test; whatever it raises is the caller's."""
        self.test.gather()
        getattr(self.test, self.test._testMethodName)()

    @contextmanager
    def configured(self, service: str, options: Mapping[str, str]) -> Iterator[None]:
        yield

    def disable(self, host: str) -> None:
        return

    enable = disable

    def flavor(self, request: Request) -> Request:
        return request

    def create(self, request: Request, watch: object, **_: object) -> str:
        if self.down:
            raise ConnectionError("the API does not answer")
        if status := self.refusal(request):
            raise exceptions.ClientRestClientException(
                _MESSAGE, resp=SimpleNamespace(status=status)
            )
        server = f"server-{len(self.requests)}"
        self.requests[server] = request
        return server

    def refusal(self, request: Request) -> int | None:
        """The HTTP status with which the API refuses a request; None where it accepts it."""
        refused = refusal(possible_outcomes(self.session.placed.loads(), request))
        if refused is not None and isinstance(refused.reason, Conflict):
            return refused.reason.http_status
        return None

    def create_many(self, request: Request, count: int, watch: object) -> tuple[str, ...]:
        servers = tuple(self.create(request, watch) for _ in range(count))
        self.together.update(servers)
        return servers

    def settled(self, servers: Iterable[str], watch: object, *, status: str) -> dict[str, Any]:
        wanted = list(servers)
        if new := [each for each in wanted if each not in self.where and each not in self.refused]:
            self.decide(new)
            if self.refused & self.together & set(new):
                self.refused.update(new)
        return {
            each: {"status": "ERROR"}
            if each in self.refused
            else {"status": status, "OS-EXT-SRV-ATTR:host": self.where[each][0]}
            for each in wanted
        }

    def show(self, server: str) -> Any:
        return {"fault": {"message": f"No valid host was found. {_MESSAGE}"}}

    def events(self, server: str) -> dict[str, str]:
        return {"conductor_migrate_server": "Success", "conductor_live_migrate_instance": "Error"}

    def report(self, server: str, watch: object, is_done: object) -> Any:
        return None

    def delete(self, servers: Iterable[str], watch: object) -> None:
        self.gone.update(servers)

    def until(self, condition: Any, what: str, watch: object, limit_s: float | None = None) -> Any:
        return condition()

    def resize_server(self, server: str, request: Request) -> None:
        self._move(server, request, self.session.placed.loads())

    def migrate_server(self, server: str) -> None:
        claim = self.session.placed.of(server).claim
        self._move(server, claim.request, self.session.placed.loads(without=claim.host))

    def live_migrate_server(self, server: str, **_: object) -> None:
        if not self.session.placed.of(server).claim.seen.devices:
            self.migrate_server(server)

    def confirm_resize_server(self, server: str) -> None:
        return

    def revert_resize_server(self, server: str) -> None:
        source = self.session.placed.of(server).source
        assert source is not None
        self.where[server] = (source.host, source.seen)

    def unshelve_server(self, server: str) -> None:
        self._move(
            server, self.session.placed.of(server).claim.request, self.session.placed.loads()
        )

    def _stay(self, server: str, **_: object) -> None:
        """What leaves a server where it is."""
        assert server in self.where

    stop_server = start_server = reboot_server = pause_server = unpause_server = _stay
    suspend_server = resume_server = rescue_server = unrescue_server = rebuild_server = _stay
    shelve_server = _stay

    def decide(self, servers: Sequence[str]) -> None:
        """Place servers that are asked for at once, in any order, or refuse them."""
        loads = dict(self.session.placed.loads())
        for server in self.random.sample(servers, len(servers)):
            request = self.requests[server]
            if found := self._found(loads, request):
                host, seen = self.where[server] = found
                loads[host] = loads[host].after(request, seen)
            else:
                self.refused.add(server)

    def _move(self, server: str, request: Request, loads: HostLoads) -> None:
        if found := self._found(loads, request):
            self.where[server] = found

    def _found(self, loads: HostLoads, request: Request) -> tuple[str, Observation] | None:
        expected = possible_outcomes(loads, request)
        places = {name: each for name, each in expected.items() if isinstance(each, Placed)}
        if not places:
            return None
        name = self.random.choice(sorted(places))
        return name, self.seen(loads[name], request, places[name])

    def seen(self, host: HostCandidate, request: Request, expected: Placed) -> Observation:
        """One of the ways to place it."""
        choices = [choice for choice in expected.choices if choice.certain] or expected.choices
        choice = self.random.choice(choices)
        if self.best:
            choice = ranked(
                expected, host.layout, request, host.load, host.limits, host.memory_kib
            )[0]
        nodes = tuple(self.node(cell_fit, expected.thread_policy) for cell_fit in choice.cells)
        devices: set[PciAddress] = set()
        for supply in choice.pools:
            take = self.random.choice(sorted(supply.takes))
            for group, count in zip(supply.groups, take, strict=True):
                devices.update(self.random.sample(sorted(group), count))
        emulator = self.emulator(expected, choice, nodes)
        seen = Observation(nodes, frozenset(devices), emulator)
        assert not admits(expected, seen), admits(expected, seen)
        return seen

    def node(self, cell_fit: CellFit, policy: ThreadPolicy | None) -> InstanceNode:
        cpus = self.pins(cell_fit, policy)
        sizes = cell_fit.page_sizes_kib
        return InstanceNode(
            node=cell_fit.node,
            pins=dict(zip(sorted(cell_fit.dedicated), cpus, strict=True)),
            floating=cell_fit.shared if cell_fit.floating else None,
            memory_mib=cell_fit.memory_mib,
            page_size_kib=(sizes[0] if self.best else self.random.choice(sizes)) if sizes else None,
        )

    def pins(self, cell_fit: CellFit, policy: ThreadPolicy | None) -> list[int]:
        count = len(cell_fit.dedicated)
        if not count:
            return []
        ways = threads_a_core(cell_fit.cores, count)
        if policy is ThreadPolicy.REQUIRE:
            ways = tuple(threads for threads in ways if threads > 1)
        threads = ways[0] if self.best else self.random.choice(ways)
        cores = [core for core in cell_fit.cores if len(core) >= threads]
        if not self.best:
            self.random.shuffle(cores)
        return [cpu for core in cores for cpu in sorted(core)[:threads]][:count]

    def emulator(
        self, expected: Placed, choice: Choice, nodes: tuple[InstanceNode, ...]
    ) -> frozenset[int] | None:
        pins = frozenset(cpu for node in nodes for cpu in node.pins.values())
        if not choice.cells:
            return None
        if expected.emulator_policy is EmulatorPolicy.ISOLATE:
            cell_fit = choice.cells[0]
            return frozenset(sorted(cell_fit.free - pins)[: cell_fit.reserved])
        if expected.emulator_policy is EmulatorPolicy.SHARE and expected.shared:
            return expected.shared
        return pins.union(*(cell_fit.shared for cell_fit in choice.cells if cell_fit.floating))
