# SPDX-License-Identifier: Apache-2.0
"""Scenarios of faulty hardware and within guests, on a cloud and a host that are simulated."""

import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

from tests.unit.simulation import HOST, SimulatedGuest, SimulatedWatch, Simulation
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import Observation
from vhost_tempest_plugin.nova.views import HostDevice, NovaView, TrackedDevice
from vhost_tempest_plugin.scenario import test_hardware_faults, test_in_guest
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requires import declared
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

TOPOLOGIES = ("article", "lopsided", "small", "smt", "sockets", "sriov")
SEEDS = 3


class FaultyGuest(SimulatedGuest):
    """One that can be off, and has an id of its own."""

    ids = count()

    def __init__(self, test: ScenarioTest, number: int, server: str, *words: Any) -> None:
        super().__init__(test, number, str(next(self.ids)), *words)

    def stop(self) -> None:
        cast(Any, self._test).cloud.stop_server(self.id)

    def runs(self) -> bool:
        """Whether it has not been stopped."""
        return self.id not in cast(Any, self._test).cloud.ended

    def reboot(self, *, hard: bool = False) -> None:
        self._test.assertTrue(
            self.devices <= cast(Any, self._test).cloud.there(), "a device is gone"
        )
        cast(Any, self._test).cloud.ended.discard(self.id)


class FaultyWatch(SimulatedWatch):
    """A host with the hardware that the simulation has."""

    def __init__(self, layout: Layout, simulation: "FaultySimulation") -> None:
        super().__init__(layout)
        self.simulation = simulation
        self.node = SimpleNamespace(
            name=HOST, layout=layout, look=self._look, run=lambda script: "no fault"
        )

    def look(self) -> Any:
        domains = {
            guest.id: SimpleNamespace(active=guest.runs()) for guest in self.simulation.test.guests
        }
        return SimpleNamespace(host=SimpleNamespace(domains=domains))

    def nova(self) -> NovaView:
        """Nova has noticed all."""
        rows = {row.address: row for row in pci_devices.expected_devices(self.simulation.layout)}
        own = {row.address: row for row in pci_devices.expected_devices(self.node.layout)}
        owners = {
            address: guest.id for guest in self.simulation.test.guests for address in guest.devices
        }
        tracked = {a: r for a, r in rows.items() if a in self.simulation.there() or a in owners}
        for address in owners.keys() - tracked.keys():
            tracked[address] = own[address]
        devices = tuple(
            TrackedDevice(row, "allocated" if a in owners else "available", owners.get(a, ""))
            for a, row in sorted(tracked.items())
        )
        return NovaView("", devices, {})

    def _look(self) -> Any:
        layout = self.simulation.layout
        devices = {
            device.address: HostDevice(
                device.address,
                device.node,
                None if device.address in self.simulation.pulled else "vfio-pci",
                None,
            )
            for device in layout.devices
            if device.address in self.simulation.there()
        }
        return SimpleNamespace(devices=devices)


class FaultySimulation(Simulation):
    """A deployment whose hardware changes."""

    guest = FaultyGuest

    def __init__(self, case: type[ScenarioTest], name: str, topology: str, seed: int) -> None:
        super().__init__(case, name, topology, seed, best=False)
        self.layout = catalog.find(topology)
        self.away: set[PciAddress] = set()
        self.pulled: set[PciAddress] = set()
        self.ended: set[str] = set()
        self.own = self.layout
        self.servers = self
        self.test.hosts = {HOST: FaultyWatch(self.layout, self)}
        self.test.watch = SimpleNamespace(
            waiting=self._waiting, within=lambda what, manager: manager
        )

    def run(self) -> None:
        super().run()
        self.test.doCleanups()
        self.test.assertEqual(set(), self.away)
        self.test.assertEqual(self.own, self.layout)

    def there(self) -> frozenset[PciAddress]:
        """What the host has of NICs now."""
        rows = pci_devices.expected_devices(self.layout)
        addresses = {row.address for row in rows} | {d.address for d in self.layout.devices}
        return frozenset(addresses - self.away)

    def unplug(self, host: str, device: PciAddress, *, wait: bool = True) -> None:
        self.test.assertIn(device, self.there())
        holders = [guest for guest in self.test.guests if device in guest.devices]
        if any(guest.runs() for guest in holders):
            self.test.assertFalse(wait, "it would wait for ever")
            self.pulled.add(device)
        else:
            self.away.add(device)

    def plug(self, host: str, device: PciAddress) -> None:
        self.away.discard(device)
        self.pulled.discard(device)

    def restart(self, service: str, host: str | None = None) -> None:
        self.test.assertEqual(HOST, host)

    @contextmanager
    def with_hardware(self, host: str, hardware: Layout) -> Iterator[None]:
        before, self.layout = self.layout, hardware
        self.ended.update(guest.id for guest in self.test.guests)
        yield
        self.layout = before

    def until(
        self, condition: Callable[[], Any], what: str, watch: object, limit_s: float | None = None
    ) -> Any:
        return condition()

    def settled(self, servers: list[str], watch: object, *, status: str) -> dict[str, Any]:
        return {server: {"status": status} for server in servers}

    def stop_server(self, server: str) -> None:
        self.ended.add(server)

    def delete(self, servers: list[str], watch: object) -> None:
        self.ended.update(servers)

    def start_server(self, server: str) -> None:
        """It does not start, since its device is away."""
        (guest,) = (guest for guest in self.test.guests if guest.id == server)
        self.test.assertFalse(guest.devices <= self.there())

    def reboot_server(self, server: str, **_: str) -> None:
        self.start_server(server)

    @contextmanager
    def _waiting(self, what: str) -> Iterator[None]:
        yield


def tests(module: Any) -> Iterator[tuple[type[ScenarioTest], str]]:
    for case in vars(module).values():
        if isinstance(case, type) and issubclass(case, ScenarioTest):
            for name in unittest.defaultTestLoader.getTestCaseNames(case):
                yield case, name


class FaultScenariosTest(unittest.TestCase):
    def test_each_where_it_must_run(self) -> None:
        ran = set()
        for topology in TOPOLOGIES:
            ground = TestEnvironment((catalog.find(topology),), frozenset(DriverCapability))
            for case, name in (*tests(test_hardware_faults), *tests(test_in_guest)):
                if requirement.unmet(declared(case, name), ground):
                    continue
                ran.add(name)
                for seed in range(SEEDS):
                    with self.subTest(topology, test=f"{case.__name__}.{name}", seed=seed):
                        simulation = FaultySimulation(case, name, topology, seed)
                        simulation.test.assert_works = lambda guest: None
                        simulation.run()
        self.assertEqual(15, len(ran))

    def test_a_guest_whose_device_is_away_is_seen(self) -> None:
        """The simulation can fail."""
        simulation = FaultySimulation(
            test_hardware_faults.UnpluggedTest, "test_free_nic", "article", 0
        )
        guest = FaultyGuest(simulation.test, 0, "0", cast(Any, None), HOST)
        first = simulation.layout.devices[0].address
        guest.seen = Observation((), frozenset({first}), None)
        simulation.unplug(HOST, first)
        with self.assertRaises(AssertionError):
            guest.reboot()
