# SPDX-License-Identifier: Apache-2.0
"""Guests and their NICs are on the same NUMA node, or are not placed at all."""

from tempest.lib import decorators

from vhost_tempest_plugin.scenario.base import GuestError, GuestTest

_NO_HOST = "No valid host was found"


class PciAffinityTest(GuestTest):
    """The alias's policy is ``required``: nova/virt/hardware.py, PCI NUMA affinity policies."""

    @decorators.attr(type="smoke")
    @decorators.idempotent_id("2f4c1d53-6c0e-4f36-8b55-0f6f3a5d9b01")
    def test_guest_is_on_the_node_of_its_device(self) -> None:
        kind = self.kind()
        places = {address: node for node, found in self.on_node(kind).items() for address in found}
        server = self.boot({"hw:numa_nodes": "1", "pci_passthrough:alias": f"{kind.name}:1"})
        guest = self.libvirt_view(server)
        self.assertEqual(1, len(guest.hostdevs))
        node = places[guest.hostdevs[0]]
        self.assertEqual({node}, guest.nodes)
        cell = next(cell for cell in self.layout.host.nodes if cell.id == node)
        self.assertLessEqual(guest.cpus, cell.cpus)
        told = self.server_topology(server["id"])["nodes"]
        self.assertEqual([node], [each["host_node"] for each in told])

    @decorators.attr(type="smoke")
    @decorators.idempotent_id("9c7f20e0-15c6-44c0-8f4e-3c0f0d2f7a02")
    def test_more_devices_than_any_node_has_are_refused(self) -> None:
        kind = self.kind()
        most = max(len(found) for node, found in self.on_node(kind).items() if node is not None)
        alias = f"{kind.name}:{most + 1}"
        refused = self.assertRaises(
            GuestError, self.boot, {"hw:numa_nodes": "1", "pci_passthrough:alias": alias}
        )
        self.assertIn(_NO_HOST, refused.fault)
