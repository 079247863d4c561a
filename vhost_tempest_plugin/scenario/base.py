# SPDX-License-Identifier: Apache-2.0
"""What scenarios with guests have in common."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from tempest import config, test
from tempest.lib import exceptions
from tempest.lib.common import api_microversion_fixture
from tempest.lib.common.utils import data_utils

from vhost_tempest_plugin import catalog, domain, hosts, novaconf, speed
from vhost_tempest_plugin.domain import GuestDomain
from vhost_tempest_plugin.layout import Layout, lay_out
from vhost_tempest_plugin.novaconf import DeviceKind, PciDeviceRow
from vhost_tempest_plugin.pci import PciAddress

CONF = config.CONF

# Server topology: Train.
MICROVERSION = "2.78"
_MEMORY_MIB = 128
_LIMIT_S = 400.0
_POLL_S = 1.0
_VIRSH = ("virsh", "-c", "qemu:///system", "dumpxml")


class GuestError(Exception):
    """A guest went to ERROR; *fault* is Nova's reason."""

    def __init__(self, identifier: str, fault: str) -> None:
        super().__init__(f"server {identifier} failed: {fault}")
        self.fault = fault


class GuestTest(test.BaseTestCase):  # type: ignore[misc]
    """Boots guests on the hosts of ``[vhost]topology`` and looks where Nova has put them."""

    credentials: ClassVar[list[str]] = ["admin"]
    layout: ClassVar[Layout]
    devices: ClassVar[tuple[PciDeviceRow, ...]]

    @classmethod
    def skip_checks(cls) -> None:
        super().skip_checks()
        if not (CONF.vhost.host and CONF.vhost.topology):
            raise cls.skipException("[vhost]host or topology is not set: no host to boot guests on")

    @classmethod
    def setup_clients(cls) -> None:
        super().setup_clients()
        cls.servers = cls.os_admin.servers_client
        cls.flavors = cls.os_admin.flavors_client

    @classmethod
    def resource_setup(cls) -> None:
        super().resource_setup()
        cls.layout = lay_out(catalog.find(CONF.vhost.topology))
        cls.devices = novaconf.expected_devices(cls.layout)

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(
            api_microversion_fixture.APIMicroversionFixture(compute_microversion=MICROVERSION)
        )

    def kind(self) -> DeviceKind:
        """The first sort of NIC that Nova can give away on these hosts."""
        if not self.devices:
            raise self.skipException("the topology has no NIC that Nova can give away")
        return next(
            kind
            for device in self.layout.devices
            for kind in novaconf.kinds(device.model)
            if kind.dev_type is self.devices[0].dev_type
        )

    def on_node(self, kind: DeviceKind) -> dict[int | None, list[PciAddress]]:
        """The NICs of a sort by their NUMA node."""
        product = f"{kind.id.product:04x}"
        found: dict[int | None, list[PciAddress]] = {}
        for row in self.devices:
            if row.product_id == product:
                found.setdefault(row.numa_node, []).append(row.address)
        return found

    def boot(self, extra_specs: Mapping[str, str], vcpus: int = 1) -> Mapping[str, Any]:
        """A guest with a flavor of these extra specs, once it is active.

        :raises GuestError: Nova does not place it
        """
        name = data_utils.rand_name("vhost", prefix=CONF.resource_name_prefix)
        flavor = self.flavors.create_flavor(name=name, ram=_MEMORY_MIB, vcpus=vcpus, disk=1)
        identifier = flavor["flavor"]["id"]
        self.addCleanup(self.flavors.delete_flavor, identifier)
        self.flavors.set_flavor_extra_spec(identifier, **extra_specs)
        made = self.servers.create_server(
            name=name, imageRef=CONF.compute.image_ref, flavorRef=identifier, networks="none"
        )["server"]
        self.addCleanup(self.delete, made["id"])
        return self._active(made["id"])

    def delete(self, identifier: str) -> None:
        """Delete a guest and wait until it is gone."""
        self.servers.delete_server(identifier)
        end_s = time.monotonic() + _LIMIT_S * speed.slowness()
        while True:
            try:
                self.servers.show_server(identifier)
            except exceptions.NotFound:
                return
            if time.monotonic() > end_s:
                raise exceptions.TimeoutException(f"server {identifier} is not deleted")
            time.sleep(_POLL_S)

    def libvirt_view(self, server: Mapping[str, Any]) -> GuestDomain:
        """Where libvirt in the host has the guest."""
        with hosts.connected(server["OS-EXT-SRV-ATTR:host"]) as (_, machine):
            argv = [*_VIRSH, server["OS-EXT-SRV-ATTR:instance_name"]]
            return domain.parse_guest(machine.run(argv).stdout)

    def server_topology(self, identifier: str) -> Mapping[str, Any]:
        """Nova's own account of it (``GET /servers/{id}/topology``), for which tempest has no call.

        References: https://docs.openstack.org/api-ref/compute/#show-server-topology
        """
        response, body = self.servers.get(f"servers/{identifier}/topology")
        self.servers.expected_success(200, response.status)
        answer: Mapping[str, Any] = self.servers._parse_resp(body)
        return answer

    def _active(self, identifier: str) -> Mapping[str, Any]:
        end_s = time.monotonic() + _LIMIT_S * speed.slowness()
        while True:
            server: Mapping[str, Any] = self.servers.show_server(identifier)["server"]
            if server["status"] == "ACTIVE":
                return server
            if server["status"] == "ERROR":
                fault = server.get("fault", {}).get("message", "no reason is given")
                raise GuestError(identifier, fault)
            if time.monotonic() > end_s:
                raise exceptions.TimeoutException(f"server {identifier} is not active")
            time.sleep(_POLL_S)
