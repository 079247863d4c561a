# SPDX-License-Identifier: Apache-2.0
"""Hardware goes, comes back, and moves; Nova's accounting follow.

Only an emulated host does that at will.  nova/pci/manager.py, ``_set_hvdevs``: what is gone is
removed, unless a server has it; what is allocated is brought up to date when it is given back.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE
from vhost_tempest_plugin.cloud.deployment.requirement import deployment
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import Shortage
from vhost_tempest_plugin.nova.request import CpuPolicy
from vhost_tempest_plugin.scenario.base_config import AUDIT_INTERVAL, NEVER, BaseConfigTest
from vhost_tempest_plugin.scenario.base_hardware import BaseHardwareTest, removable, removable_nodes
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.server import Server
from vhost_tempest_plugin.topology import variants
from vhost_tempest_plugin.topology.pci import PciAddress


class UnpluggedTest(BaseHardwareTest, BaseConfigTest):
    """NICs are pulled out of the running host, and put back.

    Nova looks for devices when nova-compute starts, and not again (nova/compute/
    resource_tracker.py, ``_setup_pci_tracker``), though nova/pci/manager.py,
    ``update_devices_from_hypervisor_resources``, says that it did periodically.
    """

    @decorators.attr(type=["fault"])
    @decorators.idempotent_id("78b2200b-d754-41ce-ba77-a7d65ecafaa3")
    @requires(removable(1), deployment(DriverCapability.UNPLUG, DriverCapability.RESTART))
    def test_free_nic(self) -> None:
        """Nobody is given it while it is away, and who wants it is when it is back."""
        (first, *_), *_ = self.cards_by_node().values()
        self.unplug(first)
        self.restart_compute()
        self.await_accounting()
        servers = self.fill()
        self.refused(request(devices=self.nics()), Shortage.DEVICES, Shortage.AFFINITY)
        self.plug(first)
        self.restart_compute()
        self.await_accounting()
        back = self.place(request(devices=self.nics()), console=True)
        self.assertEqual({first}, back.devices)
        self.delete(*servers, back)

    @decorators.attr(type=["fault", "slow"])
    @decorators.idempotent_id("f931491c-3e72-4393-b322-0496c815249c")
    @requires(
        removable(2),
        deployment(DriverCapability.UNPLUG, DriverCapability.RESTART, DriverCapability.CONFIGURE),
    )
    def test_several_free_nics_at_once(self) -> None:
        """Bug 2115729: of several rows that were to go, every second one stayed for a while."""
        nics, *_ = self.cards_by_node().values()
        with self.configured(NOVA_COMPUTE, {AUDIT_INTERVAL: NEVER}):
            self.unplug(*nics)
            self.restart_compute()
            self.assert_accounting()
            self.plug(*nics)
        self.await_accounting()
        self.place(request(devices=self.nics(len(nics))))

    @decorators.attr(type=["fault"])
    @decorators.idempotent_id("af1df651-0959-47a3-a478-6ca23dd7b17f")
    @requires(removable(1), deployment(DriverCapability.UNPLUG, DriverCapability.RESTART))
    def test_nic_of_a_guest_that_is_off(self) -> None:
        """It stays the server's, though it is away; the server starts when it is back."""
        server = self.place(request(devices=self.nics()), console=True)
        server.stop()
        before = self.host.nova().of(server.id)
        self.unplug(*server.devices)
        self.restart_compute()
        self.assertEqual(before, self.host.nova().of(server.id))
        self.assert_does_not_start(server)
        self.plug(*server.devices)
        server.reboot(hard=True)
        server.report()

    @decorators.attr(type=["fault", "slow"])
    @decorators.idempotent_id("bd9bd071-020e-4aeb-aa0a-03cb092f497d")
    @requires(removable(1), deployment(DriverCapability.UNPLUG, DriverCapability.RESTART))
    def test_nic_of_a_guest_that_is_deleted_meanwhile(self) -> None:
        """It is nobody's at once (bug 2115905), and given to nobody until it is back."""
        server = self.place(request(devices=self.nics()))
        server.stop()
        self.unplug(*server.devices)
        self.restart_compute()
        server.delete()
        others = self.fill()
        self.refused(request(devices=self.nics()), Shortage.DEVICES, Shortage.AFFINITY)
        self.await_accounting()
        self.delete(*others)
        self.plug(*server.devices)
        self.restart_compute()
        self.await_accounting()

    @decorators.attr(type=["fault", "slow"])
    @decorators.idempotent_id("3e9c5f17-a2d8-4b06-8c41-d70b6e2f95a3")
    @requires(removable(1), deployment(DriverCapability.UNPLUG, DriverCapability.RESTART))
    def test_nic_of_a_guest_that_runs(self) -> None:
        """The host has it as long as the server runs (drivers/vfio, vfio_unregister_group_dev).

        Nova's accounting keeps it for the server, before and after; the server starts when it is
        back.
        """
        server = self.place(request(devices=self.nics()))
        before = self.host.nova().of(server.id)
        self.pull(server)
        self.restart_compute()
        self.assertEqual(before, self.host.nova().of(server.id))
        self.assertTrue(self.runs(server))
        self.cloud.servers.stop_server(server.id)
        self.cloud.settled([server.id], self.watch, status="SHUTOFF")
        self.await_out(server)
        self.restart_compute()
        self.assertEqual(before, self.host.nova().of(server.id))
        self.assert_does_not_start(server)
        self.plug(*server.devices)
        server.reboot(hard=True)

    def assert_does_not_start(self, server: Server) -> None:
        """Start it; it must not run, since it would run without what it was promised."""
        self.cloud.servers.start_server(server.id)
        shown = self.cloud.settled([server.id], self.watch, status="SHUTOFF")[server.id]
        self.assertIn(shown["status"], ("SHUTOFF", "ERROR"))
        self.assertFalse(self.runs(server))


class RewiredTest(BaseHardwareTest):
    """The host comes back from a reboot with its NICs elsewhere, or with fewer."""

    @decorators.attr(type=["fault", "slow"])
    @decorators.idempotent_id("dabbd066-8ebe-4a0d-9338-e60db7288fba")
    @requires(removable_nodes(2), deployment(DriverCapability.REWIRE))
    def test_nics_of_two_nodes_are_exchanged(self) -> None:
        """Servers are placed by where they are now, once Nova has started twice since."""
        with self.exchanged():
            self.restart_compute()
            servers = self.fill()
            self.delete(*servers)
        self.place(request(cpu_policy=CpuPolicy.SHARED, devices=self.nics()))

    @decorators.attr(type=["fault", "slow"])
    @decorators.idempotent_id("5f0a7c3e-91d4-4b68-a2e7-6c8d15b3f940")
    @requires(removable_nodes(2), deployment(DriverCapability.REWIRE))
    def test_nics_are_exchanged_and_nova_starts_once(self) -> None:
        """Servers are placed by where they were: moved-device-in-its-old-pool."""
        with (
            self.known_bug("nova-bugs.rst, moved-device-in-its-old-pool", *self.far_devices()),
            self.exchanged(),
        ):
            servers = self.fill()
            self.delete(*servers)

    def far_devices(self) -> tuple[str, ...]:
        """The facts that a server has the devices of another node than its own.

        Or that it is on a node that has not as many as it asked for.
        """
        counts = {len(there) for there in self.cards_by_node().values()}
        kind = self.kind.name
        return (
            *(
                rf"request \d+: of {kind} it has {count} {place}, "
                rf"but must have {count} on its nodes"
                for count in counts
                for place in ("in their sockets", "far away")
            ),
            r"request \d+: it is on \d+, but may be on \d+( or \d+)*",
        )

    @decorators.attr(type=["fault", "slow"])
    @decorators.idempotent_id("a6ef2637-6d10-4a37-b1ca-ab7196b4e96e")
    @requires(removable_nodes(2), deployment(DriverCapability.REWIRE))
    def test_nics_are_exchanged_under_guests(self) -> None:
        """What servers have is brought up to date once they have given it back."""
        servers = self.fill()
        with self.exchanged(awaited=False):
            for server in servers:
                server.went_off()
                there = {device.row.address for device in self.host.nova().of(server.id)}
                self.assertEqual(server.devices, there)
            self.delete(*servers)
            self.await_accounting()
            self.delete(*self.fill())

    @decorators.attr(type=["fault", "slow"])
    @decorators.idempotent_id("cc11d1d4-cadc-4894-9c12-99da410ec284")
    @requires(removable(1), deployment(DriverCapability.REWIRE))
    def test_host_comes_back_with_fewer(self) -> None:
        """What is gone is gone from Nova's accounting, and back in it when it is back."""
        hardware = variants.without_last(self.host.layout, next(iter(self.cards_by_node())))
        with self.with_hardware(hardware):
            self.await_accounting()
            servers = self.fill()
            self.refused(request(devices=self.nics()), Shortage.DEVICES, Shortage.AFFINITY)
            self.delete(*servers)
        self.await_accounting()

    @decorators.attr(type=["fault", "slow"])
    @decorators.idempotent_id("44ed4387-eaae-4c04-aad1-a58de83e7f5f")
    @requires(removable(1), deployment(DriverCapability.REWIRE))
    def test_host_comes_back_without_the_nic_of_a_guest(self) -> None:
        """The server keeps it in Nova's accounting, cannot run, and can be deleted."""
        node, nics = next(iter(self.cards_by_node().items()))
        hardware = variants.without_last(self.host.layout, node)
        server = self.guest_with(nics[-1])
        with self.with_hardware(hardware):
            server.went_off()
            there = {device.row.address for device in self.host.nova().of(server.id)}
            self.assertEqual(server.devices, there)
            self.assert_does_not_run(server)
            server.delete()
            self.await_accounting()
        self.await_accounting()
        self.place(server.request)

    @contextmanager
    def exchanged(self, *, awaited: bool = True) -> Iterator[None]:
        """The NICs of two nodes are each other's.

        Nova is started twice after they have been put back: moved-device-in-its-old-pool.

        :param awaited: the block begins when Nova's accounting has it
        """
        hardware = variants.exchanged(self.host.layout)
        self.assertNotEqual((), pci_devices.moved(self.host.layout, hardware))
        try:
            with self.with_hardware(hardware):
                if awaited:
                    self.await_accounting()
                yield
            self.await_accounting()
        finally:
            self.restart_compute()

    def guest_with(self, nic: PciAddress) -> Server:
        """A server with a certain device, and all others of its node."""
        servers = self.fill()
        return next(server for server in servers if nic in server.devices)

    def assert_does_not_run(self, server: Server) -> None:
        """Boot it anew; it must not run without what it was promised."""
        self.cloud.servers.reboot_server(server.id, type="HARD")
        self.cloud.settled([server.id], self.watch, status="ERROR")
        self.assertFalse(self.runs(server))
