# SPDX-License-Identifier: Apache-2.0
"""Nova has those devices that ``[pci] device_spec`` means, and gives them as it says.

https://docs.openstack.org/nova/latest/configuration/config.html#pci.device_spec;
nova/pci/devspec.py, nova/pci/manager.py.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import deployment, devices, local_devices
from vhost_tempest_plugin.nova import device_spec
from vhost_tempest_plugin.nova.device_spec import AddressPattern
from vhost_tempest_plugin.nova.expect import Shortage
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy, PciDeviceRow
from vhost_tempest_plugin.scenario.base_config import BaseConfigTest
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.server import Server
from vhost_tempest_plugin.topology.pci import PciAddress

_VIRSH = "virsh -q -c qemu:///system"


@requires(deployment(DriverCapability.CONFIGURE))
class FormTest(BaseConfigTest):
    """The forms of an entry."""

    on_one = True

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("f31edc8d-6b5f-4e1c-a93e-5a660d128afa")
    @requires(devices(1))
    def test_exact_address(self) -> None:
        """The one device is all that there is."""
        last = self.kind_rows[-1]
        with self.device_spec(entries=[self.entry(str(last.address))]):
            server = self.place(request(devices=self.nics(1, NumaPolicy.PREFERRED)))
            self.assertEqual({last.address}, server.devices)
            more = request(devices=self.nics(1, NumaPolicy.PREFERRED))
            self.refused(more, Shortage.DEVICES)
            server.delete()

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("6ad18cc8-384e-49f1-81a0-4405719fe5d4")
    @requires(devices(2))
    def test_glob(self) -> None:
        """Of one bus."""
        bus = f"{self.kind_rows[-1].address.bus:02x}"
        with self.device_spec(entries=[self.entry(f"*:{bus}:*.*")]):
            pass

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("a0de2943-6a31-4324-a5a2-f20244254eab")
    @requires(devices(2))
    def test_regular_expression(self) -> None:
        """Of two buses, in the form of a dictionary."""
        buses = "|".join(f"{row.address.bus:02x}" for row in self.kind_rows[-2:])
        with self.device_spec(entries=[self.entry(AddressPattern(bus=f"({buses})"))]):
            pass

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("ec385182-fc84-41fa-b26d-3d203fafc93f")
    @requires(devices(3))
    def test_list(self) -> None:
        """Entries of all forms in one list."""
        exact, glob, pattern = (row.address for row in self.kind_rows[-3:])
        entries = (
            self.entry(str(exact)),
            self.entry(f"{glob.bus:02x}:{glob.slot:02x}"),
            self.entry(AddressPattern(bus=f"{pattern.bus:02x}", function=f"[{pattern.function}]")),
        )
        with self.device_spec(device_spec.together(entries), entries=entries):
            pass


@requires(deployment(DriverCapability.CONFIGURE), local_devices(2))
class RemovalTest(BaseConfigTest):
    """An entry that goes while a server has its device."""

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("e9541787-3108-47b0-8070-ea2c52bf10a1")
    def test_removed_device_goes_with_its_guest(self) -> None:
        """It is not free in between (https://bugs.launchpad.net/nova/+bug/2115905)."""
        server = self.place(request(devices=self.nics()))
        (row,) = self.rows_of(server)
        with self.without(row):
            server.check("the removal")
            server.delete()
            self.gone(row)

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("5e167ec4-404c-44cb-bf10-d4de402f3bd0")
    def test_restored_device_is_still_its_guest_s(self) -> None:
        server = self.place(request(devices=self.nics()))
        (row,) = self.rows_of(server)
        with self.without(row):
            server.reboot(hard=True)
        server.check("the return")
        server.delete()
        self.tracks(self.rows)


@requires(local_devices(1))
class ManagedTest(BaseConfigTest):
    """Who gives a device to vfio-pci: libvirt, or whoever runs the host."""

    @decorators.attr(type=["device-spec", "life"])
    @decorators.idempotent_id("a3aadeea-df79-445c-bca8-bad0c4e44750")
    def test_managed_where_nothing_is_said(self) -> None:
        """Nova's test_create_server_with_VF_and_managed_not_set."""
        server = self.place(request(devices=self.nics()))
        self.assertEqual({True}, set(self.managed(server).values()))

    @decorators.attr(type=["device-spec", "life", "slow"])
    @decorators.idempotent_id("26105850-abe5-4732-b99f-9685d7123291")
    @requires(deployment(DriverCapability.CONFIGURE), devices(2))
    def test_one_managed_and_one_not(self) -> None:
        """Nova's test_create_server_with_VF_and_managed_set_to_yes, and _to_no."""
        yes, no = self.kind_rows[-2:]
        entries = [
            self.entry(str(yes.address), managed=True),
            self.entry(str(no.address), managed=False),
        ]
        with self.bound(no), self.device_spec(entries=entries):
            server = self.place(request(devices=self.nics(2, NumaPolicy.PREFERRED)))
            self.assertEqual({yes.address: True, no.address: False}, self.managed(server))
            server.stop()
            server.start()
            server.delete()

    def managed(self, server: Server) -> Mapping[PciAddress, bool]:
        """What libvirt's XML has of each of a server's devices."""
        domain = self.hosts[server.host].snapshot().host.domains[server.id]
        return {device.address: device.managed for device in domain.assigned}

    @contextmanager
    def bound(self, row: PciDeviceRow) -> Iterator[None]:
        """A device is vfio-pci's already, on each host, while the block runs.

        libvirt must do it: it remembers of a device whose it is to give back, and would leave one
        with vfio-pci after each later server that had been bound behind its back (seen with 9.0).
        """
        name = f"pci_{row.address}".replace(":", "_").replace(".", "_")
        for host in self.hosts.values():
            host.reader.run(f"{_VIRSH} nodedev-detach {name}")
        try:
            yield
        finally:
            for host in self.hosts.values():
                host.reader.run(f"{_VIRSH} nodedev-reattach {name}")
