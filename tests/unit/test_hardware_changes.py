# SPDX-License-Identifier: Apache-2.0
"""Hosts whose cards are moved, and the comparison of what is known of hosts."""

import unittest
from dataclasses import replace

from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.views import Inventory, NovaView, Provider, TrackedDevice
from vhost_tempest_plugin.scenario import base_hardware
from vhost_tempest_plugin.scenario.inspection import accounting
from vhost_tempest_plugin.topology import catalog, variants
from vhost_tempest_plugin.topology.layout import Layout, lay_out

TOPOLOGIES = ("article", "small", "lopsided", "smt", "sockets", "wide")


def layout(name: str) -> Layout:
    return catalog.find(name)


class ChangesTest(unittest.TestCase):
    def test_all_but_one_stay_where_they_are(self) -> None:
        for name in TOPOLOGIES:
            own = layout(name)
            for node in {device.node for device in own.devices} - {None}:
                with self.subTest(topology=name, node=node):
                    assert node is not None
                    fewer = variants.without_last(own, node)
                    before = pci_devices.expected_devices(own)
                    gone = set(before) - set(pci_devices.expected_devices(fewer))
                    last = max(row.address for row in before if row.numa_node == node)
                    self.assertEqual({last}, {row.address for row in gone})
                    self.assertEqual(len(before) - 1, len(pci_devices.expected_devices(fewer)))

    def test_exchanged_cards_are_on_other_nodes(self) -> None:
        for name in TOPOLOGIES:
            with self.subTest(topology=name):
                own = layout(name)
                other = variants.exchanged(own)
                self.assertNotEqual((), pci_devices.moved(own, other))
                self.assertEqual(own.host.cpus, other.host.cpus)
                self.assertEqual(
                    len(pci_devices.expected_devices(own)), len(pci_devices.expected_devices(other))
                )

    def test_nothing_moves_by_itself(self) -> None:
        own = layout("article")
        self.assertEqual((), pci_devices.moved(own, own))

    def test_nothing_to_exchange(self) -> None:
        own = layout("article")
        nodes = (own.host.nodes[0], *(replace(n, devices=(), bus=None) for n in own.host.nodes[1:]))
        with self.assertRaisesRegex(ValueError, "no two nodes"):
            variants.exchanged(lay_out(replace(own.host, nodes=nodes)))

    def test_needs(self) -> None:
        environment = TestEnvironment((layout("article"),))
        self.assertEqual("", base_hardware.removable(3).unmet(environment))
        self.assertIn("has 3", base_hardware.removable(4).unmet(environment))
        self.assertEqual("", base_hardware.removable_nodes(3).unmet(environment))
        self.assertIn("has 3", base_hardware.removable_nodes(4).unmet(environment))


class BooksTest(unittest.TestCase):
    def setUp(self) -> None:
        rows = pci_devices.expected_devices(layout("article"))
        devices = tuple(TrackedDevice(row, "available") for row in rows)
        provider = Provider("u", "host", None, {"VCPU": Inventory(4, 0, 1)}, frozenset({"X"}))
        self.account = accounting.HostAccounting(NovaView("node", devices, {}), (provider,))

    def changes(self, other: accounting.HostAccounting) -> tuple[str, ...]:
        return accounting.changes(
            accounting.Accounting({"h": self.account}), accounting.Accounting({"h": other})
        )

    def test_the_same(self) -> None:
        self.assertEqual((), self.changes(self.account))

    def test_a_device_that_is_somebodys(self) -> None:
        first, *others = self.account.nova.devices
        taken = replace(first, status="allocated", instance="guest")
        nova = replace(self.account.nova, devices=(taken, *others))
        (change,) = self.changes(replace(self.account, nova=nova))
        self.assertIn(str(first.row.address), change)
        self.assertIn("is type-PCI on node 0, allocated guest", change)

    def test_a_device_that_is_gone(self) -> None:
        nova = replace(self.account.nova, devices=self.account.nova.devices[1:])
        (change,) = self.changes(replace(self.account, nova=nova))
        self.assertTrue(change.endswith("is absent"), change)

    def test_an_amount(self) -> None:
        (provider,) = self.account.providers
        more = replace(provider, inventories={"VCPU": Inventory(4, 0, 2)})
        (change,) = self.changes(replace(self.account, providers=(more,)))
        self.assertIn("VCPU 1 of 4", change)
        self.assertIn("is VCPU 2 of 4", change)
