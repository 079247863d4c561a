# SPDX-License-Identifier: Apache-2.0
"""Servers with an ordinary port of Neutron's beside their devices."""

from typing import ClassVar

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment.requirement import feature, local_devices
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.clients.network import NetworkClient, Port
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.server import Server


@requires(feature(TempestFeature.NEUTRON_PORTS))
class PortTest(ScenarioTest):
    """The host's agent plugs the port, and the server gets the address that Neutron says."""

    wires: ClassVar[NetworkClient]
    network: ClassVar[str]

    @classmethod
    def resource_setup(cls) -> None:
        super().resource_setup()
        cls.wires = NetworkClient(cls.os_admin, cls.addClassResourceCleanup)
        if TempestFeature.NEUTRON_PORTS in cls.site.test_environment.features:
            cls.network = cls.wires.network()

    @decorators.attr(type=["smoke", "guest"])
    @decorators.idempotent_id("5d3e4bd8-b9c9-4a04-9dd0-30d2a4b9a2a1")
    @requires(local_devices(1))
    def test_port_beside_a_device(self) -> None:
        """The device is where the topology says, whatever else the server has."""
        port = self.wires.port(self.network)
        self.assert_plugged(self.place(request(devices=self.nics()), ports=[port.id]), port)

    @decorators.attr(type=["guest"])
    @decorators.idempotent_id("1f0b7b52-4d0b-4f5e-8a0c-3b9a1c6d2f84")
    def test_port_alone(self) -> None:
        """A server that asks for no device gets none."""
        port = self.wires.port(self.network)
        server = self.place(request(), ports=[port.id])
        self.assert_plugged(server, port)
        self.assertEqual(frozenset(), server.devices)

    def assert_plugged(self, server: Server, port: Port) -> None:
        """Neutron says that the port is up on the server's host; the server has its address."""
        seen = self.wires.shown(port)
        self.assertEqual((server.host, "ACTIVE"), (seen.host, seen.state))
        report = self.cloud.report(server.id, self.watch, lambda: True)
        leases = {lease.mac: lease.address for lease in report.leases}
        self.assertEqual(port.address, leases.get(port.mac), str(report.failures))
        self.assertEqual(1 + len(server.devices), len(report.nics))
