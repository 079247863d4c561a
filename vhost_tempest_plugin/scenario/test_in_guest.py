# SPDX-License-Identifier: Apache-2.0
"""What a server has is really there: the guest in it finds its devices, and they work.

The guest asks for an address by DHCP over each of its NICs; the answer comes to memory that only
the host's IOMMU lets the NIC write to.
"""

import re

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.requirement import (
    HardwareRequirement,
    TestEnvironment,
    device_nodes,
    local_devices,
)
from vhost_tempest_plugin.host.nested_guest import GuestReport
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.base_hardware import cards
from vhost_tempest_plugin.scenario.requests.server_requests import by_node, request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.server import Server
from vhost_tempest_plugin.topology import iommus
from vhost_tempest_plugin.topology.pci import PciAddress

# What an IOMMU has kept from memory.
_FAULT = re.compile("|".join(model.fault for model in iommus.MODELS.values()), re.IGNORECASE)


def translating() -> HardwareRequirement:
    """A host with an IOMMU and NICs that servers can have."""

    def found(environment: TestEnvironment) -> int:
        return sum(
            layout.host.iommu.model is not None and bool(cards(layout))
            for layout in environment.layouts
        )

    return HardwareRequirement("a host with an IOMMU and NICs", 1, found)


@requires(translating())
class InGuestTest(ScenarioTest):
    """NICs in a guest."""

    @decorators.attr(type=["smoke", "guest"])
    @decorators.idempotent_id("caa8752b-70dc-4a2e-80d4-a6282fe23770")
    @requires(local_devices(1))
    def test_nic_passes_traffic(self) -> None:
        faults = self.faults()
        server = self.place(request(devices=self.nics()), console=True)
        self.assert_works(server)
        self.assertEqual(faults, self.faults())

    @decorators.attr(type=["guest"])
    @decorators.idempotent_id("5f7dfbb5-2b62-45ae-84e7-498da1ff2d52")
    @requires(local_devices(2))
    def test_all_nics_of_a_node_pass_traffic(self) -> None:
        faults = self.faults()
        most = max(len(there) for node, there in self.by_node().items() if node is not None)
        self.assert_works(self.place(request(devices=self.nics(most)), console=True))
        self.assertEqual(faults, self.faults())

    @decorators.attr(type=["guest"])
    @decorators.idempotent_id("3518c38a-c294-429e-9c71-5cf0a1d7f8b9")
    @requires(local_devices(1))
    def test_the_next_guest_has_it_as_new(self) -> None:
        """The NIC was reset in between; servers that take all have it among theirs."""
        first = self.place(request(devices=self.nics()), console=True)
        self.assert_works(first)
        first.delete()
        counts = [len(there) for node, there in self.by_node().items() if node is not None]
        wanted = [request(devices=self.nics(count)) for count in counts]
        others = self.place_in_rounds(wanted, console=True)
        heirs = [server for server in others if first.devices & server.devices]
        self.assertEqual(1, len(heirs))
        self.assert_works(heirs[0])

    @decorators.attr(type=["guest"])
    @decorators.idempotent_id("01de0152-ae88-4c04-8147-eb3400a4fbe2")
    @requires(local_devices(2))
    def test_two_guests_at_once(self) -> None:
        """Each has its own, and neither sees the other's."""
        servers = self.place_all(*[request(devices=self.nics())] * 2, console=True)
        for server in servers:
            self.assert_works(server)

    @decorators.attr(type=["guest", "slow"])
    @decorators.idempotent_id("1d97640e-d87d-4658-aae3-d0bdf3ac548a")
    @requires(device_nodes(2))
    def test_nics_of_two_nodes(self) -> None:
        """A guest of two nodes sees them, and its CPUs on both."""
        most = max(len(there) for node, there in self.by_node().items() if node is not None)
        wanted = request(nodes=2, devices=self.nics(most + 1))
        self.assert_works(self.place(wanted, console=True))

    def by_node(self) -> dict[int | None, tuple[PciAddress, ...]]:
        """The devices of each node, on the host with most of them."""
        found = (by_node(host.layout, self.kind) for host in self.hosts.values())
        return max(found, key=lambda there: sum(map(len, there.values())))

    def assert_works(self, server: Server) -> None:
        """Each of its NICs has a driver and an address, and is the one that Nova says it is."""
        report = server.report()
        self.assertEqual((), report.failures)
        undriven = [str(nic.address) for nic in report.nics if nic.driver is None]
        self.assertEqual([], undriven)
        self.assertEqual(
            sorted(nic.address for nic in report.nics),
            sorted(lease.device for lease in report.leases),
        )
        known = {device.address: device.mac for device in self.hosts[server.host].layout.devices}
        # A virtual function makes its address up.
        if server.devices <= known.keys():
            wanted = sorted(filter(None, (known[address] for address in server.devices)))
            self.assertEqual(wanted, sorted(lease.mac for lease in report.leases))
        self.assert_near(server, report)

    def assert_near(self, server: Server, report: GuestReport) -> None:
        """Where the guest sees a NIC's node, the host has it there.

        Nova does not promise that a guest sees the node of its devices.
        """
        devices = self.hosts[server.host].snapshot().host.devices
        near = {devices[address].node for address in server.devices}
        for nic in report.nics:
            if nic.node is not None:
                self.assertIn(server.nodes[nic.node], near, f"the guest's {nic.address}")

    def faults(self) -> list[str]:
        """What the IOMMUs of all hosts have refused since their boots."""
        lines: list[str] = []
        for host in self.hosts.values():
            lines += filter(_FAULT.search, host.reader.run("dmesg").splitlines())
        return lines
