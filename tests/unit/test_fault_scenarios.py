# SPDX-License-Identifier: Apache-2.0
"""Scenarios of faulty hardware and within guests, on a cloud and a host that are simulated."""

import unittest
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from tests.unit.scenarios import Kind, simulated
from tests.unit.simulation import HOST, SimulatedHost, Simulation
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.views import HostDevice, NovaView, TrackedDevice
from vhost_tempest_plugin.scenario import test_hardware_faults
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import declared
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

TOPOLOGIES = ("article", "lopsided", "small", "smt", "sockets", "sriov")
SEEDS = 3


class FaultyHost(SimulatedHost):
    """A host with the hardware that the simulation has."""

    def __init__(self, layout: Layout, simulation: "FaultySimulation") -> None:
        super().__init__(layout, simulation)
        self.simulation: FaultySimulation = simulation
        self.reader = SimpleNamespace(
            name=HOST, layout=layout, view=self._view, run=lambda script: "no fault"
        )

    def snapshot(self) -> Any:
        domains = {
            server.id: SimpleNamespace(active=server.id not in self.simulation.ended)
            for server in self.simulation.session.placed.hosted
        }
        return SimpleNamespace(host=SimpleNamespace(domains=domains))

    def nova(self) -> NovaView:
        """Nova has noticed all."""
        rows = {row.address: row for row in pci_devices.expected_devices(self.simulation.layout)}
        own = {row.address: row for row in pci_devices.expected_devices(self.reader.layout)}
        owners = {
            address: server.id
            for server in self.simulation.session.placed.hosted
            for address in server.claim.seen.devices
        }
        tracked = {a: r for a, r in rows.items() if a in self.simulation.there() or a in owners}
        for address in owners.keys() - tracked.keys():
            tracked[address] = own[address]
        devices = tuple(
            TrackedDevice(row, "allocated" if a in owners else "available", owners.get(a, ""))
            for a, row in sorted(tracked.items())
        )
        return NovaView("", devices, {})

    def _view(self) -> Any:
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

    def __init__(self, case: type[ScenarioTest], name: str, topology: str, seed: int) -> None:
        super().__init__(case, name, topology, seed, best=False)
        self.layout = catalog.find(topology)
        self.away: set[PciAddress] = set()
        self.pulled: set[PciAddress] = set()
        self.ended: set[str] = set()
        self.own = self.layout
        self.use({HOST: FaultyHost(self.layout, self)})

    def perform(self) -> None:
        super().perform()
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
        if any(
            device in server.claim.seen.devices and server.id not in self.ended
            for server in self.session.placed.hosted
        ):
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
        self.ended.update(server.id for server in self.session.placed.hosted)
        yield
        self.layout = before

    def settled(self, servers: Iterable[str], watch: object, *, status: str) -> dict[str, Any]:
        shown = super().settled(servers, watch, status=status)
        for server in self.ended & shown.keys() if status == "ACTIVE" else ():
            shown[server] = {"status": "ERROR"}
        return shown

    def stop_server(self, server: str, **_: object) -> None:
        self.ended.add(server)

    def delete(self, servers: Iterable[str], watch: object) -> None:
        super().delete(servers, watch)
        self.ended.update(servers)

    def start_server(self, server: str, **_: object) -> None:
        """It does not start while a device of its own is away."""
        if self.session.placed.of(server).claim.seen.devices <= self.there():
            self.ended.discard(server)
        else:
            self.ended.add(server)

    reboot_server = start_server


class FaultScenariosTest(unittest.TestCase):
    def test_each_where_it_must_run(self) -> None:
        ran = set()
        for topology in TOPOLOGIES:
            environment = TestEnvironment((catalog.find(topology),), frozenset(DriverCapability))
            for case, name in simulated(Kind.FAULTY):
                if requirement.unmet(declared(case, name), environment):
                    continue
                ran.add((case, name))
                for seed in range(SEEDS):
                    with self.subTest(topology, test=f"{case.__name__}.{name}", seed=seed):
                        simulation = FaultySimulation(case, name, topology, seed)
                        simulation.test.assert_works = lambda guest: None
                        simulation.run()
        self.assertEqual(set(simulated(Kind.FAULTY)), ran)

    def test_a_guest_whose_device_is_away_is_seen(self) -> None:
        """The simulation can fail."""
        simulation = FaultySimulation(
            test_hardware_faults.UnpluggedTest, "test_free_nic", "article", 0
        )
        test = simulation.test
        server = test.place(request(devices=test.nics()))
        server.stop()
        simulation.unplug(HOST, min(server.devices))
        with self.assertRaisesRegex(AssertionError, "server 0 is ERROR"):
            server.reboot(hard=True)
