# SPDX-License-Identifier: Apache-2.0
"""Devices are reported in Placement, with all that servers have of them.

https://docs.openstack.org/nova/latest/admin/pci-passthrough.html, "PCI tracking in Placement";
nova/compute/pci_placement_translator.py.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE
from vhost_tempest_plugin.cloud.deployment.requirement import (
    deployment,
    devices,
    local_devices,
    whole_devices,
)
from vhost_tempest_plugin.nova import device_spec
from vhost_tempest_plugin.nova.device_spec import Entry
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.views.placement import device_of
from vhost_tempest_plugin.scenario.base_config import DEVICE_SPEC, BaseConfigTest
from vhost_tempest_plugin.scenario.base_placement import (
    NEEDED,
    REPORT,
    BasePlacementTest,
    Operator,
    reporting,
)
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.server import Server
from vhost_tempest_plugin.topology.pci import PciAddress

_CLASS = "CUSTOM_VHOST_CHANGED"
_INTERFACES = 'ls "/sys/bus/pci/devices/$1/net"'


class UnreportedTest(BaseConfigTest):
    """Nothing is reported where nobody asks for it."""

    @decorators.attr(type=["smoke", "placement"])
    @decorators.idempotent_id("45a7c730-5888-4430-b09f-f4738e7baff0")
    @requires(devices(1))
    def test_nothing_is_reported(self) -> None:
        for host in self.hosts.values():
            found = [p.name for p in host.providers() if device_of(p.name)]
            self.assertEqual([], found)

    @decorators.attr(type=["placement", "slow"])
    @decorators.idempotent_id("5769d41a-cc5c-4894-bac4-4873ffe99d7c")
    @requires(deployment(*NEEDED), local_devices(2))
    def test_allocations_are_made_up_for_guests_that_are_there(self) -> None:
        """Nova's test_heal_multiple_allocations."""
        server = self.place(request(devices=self.nics(2)))
        operator = Operator(self.os_admin.placement_client)
        reported = reporting(self.driver, self.hosts, operator, {})
        with self.watch.within("options", reported):
            server.check("reporting")
            self.assertEqual(server.devices, self.allocated(server))
            server.delete()

    def allocated(self, server: Server) -> frozenset[PciAddress]:
        """What Placement has of a server's devices."""
        tree = self.hosts[server.host].snapshot().tree
        holdings = self.cloud.placement.of(server.id, tree)
        return frozenset(each.device for each in holdings if each.device is not None)


@requires(deployment(*NEEDED), whole_devices(1))
class ReportedTest(BasePlacementTest):
    """``[pci] report_in_placement`` without ``pci_in_placement``: Nova decides, and reports."""

    @decorators.attr(type=["placement"])
    @decorators.idempotent_id("2164a2ff-095e-4fc6-95c7-10045fb0b43a")
    def test_each_device_has_a_provider(self) -> None:
        """Nova's test_new_compute_init_with_pci_devs."""
        self.reported()

    @decorators.attr(type=["placement"])
    @decorators.idempotent_id("fa85aadc-e69c-4853-be56-8f13b8ddc649")
    def test_lost_allocation_is_healed(self) -> None:
        """Nova's test_heal_single_pci_allocation, while nova-compute runs."""
        server = self.place(request(devices=self.nics(1, NumaPolicy.PREFERRED)))
        devices = self.providers()
        mine = [devices[address].uuid for address in server.devices]
        self.operator.drop(server.id, mine)
        self.cloud.until(lambda: self._has(server, mine), "the healing", self.watch)
        server.check("healing")

    @decorators.attr(type=["placement", "slow"])
    @decorators.idempotent_id("23c36224-b8e3-4db8-afba-096ac5c6c974")
    def test_reporting_cannot_be_switched_off(self) -> None:
        """Nova's test_reporting_cannot_be_disable_once_it_is_enabled."""
        self.start_refused(
            NOVA_COMPUTE,
            {REPORT: "false"},
            "The [pci]report_in_placement is False but it was enabled before on this compute",
        )
        self.reported()

    @decorators.attr(type=["placement", "slow"])
    @decorators.idempotent_id("e1f9e117-3af5-4717-900e-fe494c33d4ee")
    def test_name_of_an_interface_is_refused(self) -> None:
        """Nova's test_devname_based_dev_spec_rejected."""
        self.start_refused(
            NOVA_COMPUTE,
            {DEVICE_SPEC: json.dumps({"devname": self.interface()})},
            "PCI Placement reporting does not support 'devname' based device specification",
        )
        self.reported()

    @decorators.attr(type=["placement", "device-spec", "slow"])
    @decorators.idempotent_id("6be55f62-1ffb-47e2-9a63-df430aa1fbe6")
    def test_class_of_a_free_device_changes(self) -> None:
        """Its provider has it then, and no other any more."""
        changed = self.with_class_of(self.kind_rows[0].address)
        with self.device_spec(entries=changed):
            self.reported(changed)
        self.reported()

    @decorators.attr(type=["placement", "device-spec", "slow"])
    @decorators.idempotent_id("6373c0b4-e92f-422e-a193-07cfc3b49af8")
    def test_class_of_a_device_in_use_does_not_change(self) -> None:
        """Nova's test_device_reconfiguration_with_allocations_config_change_stop."""
        server = self.place(request(devices=self.nics(1, NumaPolicy.PREFERRED)))
        (address,) = server.devices
        changed = device_spec.each(self.with_class_of(address))
        (own,) = self.providers()[address].inventories
        in_use = f"Inventory for '{own}' on resource provider"
        self.start_refused(NOVA_COMPUTE, {DEVICE_SPEC: changed}, in_use)
        server.check("the refusal")
        self.reported()

    @decorators.attr(type=["placement", "device-spec", "slow"])
    @decorators.idempotent_id("32d7f576-ba4e-4302-9cd2-acd58535a3c8")
    def test_provider_of_a_removed_device_goes_with_its_guest(self) -> None:
        """Nova's test_device_reconfiguration_with_allocations_config_change_warn."""
        server = self.place(request(devices=self.nics(1, NumaPolicy.PREFERRED)))
        (row,) = self.rows_of(server)
        with self.without(row):
            server.check("the removal")
            self.reported()
            server.delete()
            self.gone(row)
            self.cloud.until(lambda: self._lacks(row.address), "the provider's end", self.watch)
            self.reported(self.entries_without(row))
        self.reported()

    def interface(self) -> str:
        """What the kernel calls a NIC; it is the same on all hosts, as their hardware is.

        One that is on no PCI bus, Nova refuses for another reason.
        """
        host = next(iter(self.hosts.values()))
        device = str(self.kind_rows[0].address)
        found = host.reader.run(_INTERFACES, arguments=(device,)).split()
        self.assertNotEqual([], found, f"interfaces of {device}")
        return found[0]

    def with_class_of(self, device: PciAddress) -> tuple[Entry, ...]:
        """The ``device_spec`` with another resource class for one device."""
        own = self.entries()
        (row,) = (row for row in self.kind_rows if row.address == device)
        entry = next(entry for entry in own if entry.matches(row))
        return (replace(entry, address=str(device), resource_class=_CLASS), *own)

    def _lacks(self, device: PciAddress) -> bool | None:
        """Whether Placement has no provider of a device."""
        return True if device not in self.providers() else None

    def _has(self, server: Server, providers: list[str]) -> bool | None:
        """Whether a server has some of each of these providers."""
        tree: Mapping[str, str] = {uuid: uuid for uuid in providers}
        held = {each.provider for each in self.cloud.placement.of(server.id, tree)}
        return True if held.issuperset(providers) else None
