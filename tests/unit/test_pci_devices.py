# SPDX-License-Identifier: Apache-2.0
import json
import unittest
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from tests.unit.strategies import hosts
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import CpuSets, DeviceType, NumaPolicy, PciDeviceRow
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.devices import igb
from vhost_tempest_plugin.topology.hardware import Endpoint
from vhost_tempest_plugin.topology.layout import Layout, lay_out
from vhost_tempest_plugin.topology.model import CpuTopology, DeviceGroup
from vhost_tempest_plugin.topology.pci import PciAddress

THOROUGH = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def tracked(layout: Layout) -> list[PciDeviceRow]:
    """What Nova makes of a host by its own rules: the functions that an entry matches."""
    entries = [json.loads(entry) for entry in pci_devices.device_spec(layout)]
    return [
        _row(nic) for nic in layout.hardware().endpoints if any(_match(e, nic) for e in entries)
    ]


def _match(entry: dict[str, str], nic: Endpoint) -> bool:
    facts = {
        "vendor_id": f"{nic.id.vendor:04x}",
        "product_id": f"{nic.id.product:04x}",
        "address": str(nic.address),
    }
    return all(facts[key] == value for key, value in entry.items())


def _row(nic: Endpoint) -> PciDeviceRow:
    dev_type = DeviceType.PF if nic.total_vfs else DeviceType.PCI
    if nic.physical_function is not None:
        dev_type = DeviceType.VF
    vendor, product = str(nic.id).split(":")
    return PciDeviceRow(nic.address, vendor, product, nic.node, dev_type)


class DevicesTest(unittest.TestCase):
    @THOROUGH
    @given(hosts())
    def test_the_spec_leads_to_the_rows(self, host) -> None:
        layout = lay_out(host)
        self.assertEqual(tracked(layout), list(pci_devices.expected_devices(layout)))

    @THOROUGH
    @given(hosts())
    def test_no_function_is_there_twice_over(self, host) -> None:
        layout = lay_out(host)
        rows = {row.address for row in pci_devices.expected_devices(layout)}
        for device in layout.devices:
            functions = {device.address} & rows, set(device.vf_addresses) & rows
            self.assertEqual(1, sum(map(bool, functions)), device)

    def test_article(self) -> None:
        layout = catalog.find("article")
        self.assertEqual(
            ('{"vendor_id": "8086", "product_id": "10d3"}',), pci_devices.device_spec(layout)
        )
        rows = pci_devices.expected_devices(layout)
        self.assertEqual([0, 0, 0, 1, 1, 1, 2, 2, 2], [row.numa_node for row in rows])
        self.assertEqual(
            PciDeviceRow(PciAddress.parse("b5:00.0"), "8086", "10d3", 0, DeviceType.PCI), rows[0]
        )

    def test_virtual_functions_instead_of_their_physical_one(self) -> None:
        rows = pci_devices.expected_devices(catalog.find("sriov"))
        self.assertEqual(
            {("10ca", DeviceType.VF), ("10d3", DeviceType.PCI)},
            {(row.product_id, row.dev_type) for row in rows},
        )
        self.assertEqual(2 * (4 + 1), len(rows))

    def test_an_igb_without_virtual_functions_beside_one_with(self) -> None:
        host = catalog.find("small").host
        groups = (DeviceGroup(igb.MODEL, vfs=2), DeviceGroup(igb.MODEL))
        node = replace(host.nodes[0], devices=groups)
        layout = lay_out(replace(host, nodes=(node, *host.nodes[1:])))
        plain = next(d for d in layout.devices if d.model is igb.MODEL and not d.vfs)
        entries = [json.loads(entry) for entry in pci_devices.device_spec(layout)]
        self.assertIn(
            {"vendor_id": "8086", "product_id": "10c9", "address": str(plain.address)}, entries
        )

    def test_a_nic_on_no_node(self) -> None:
        rows = pci_devices.expected_devices(catalog.find("lopsided"))
        self.assertEqual(1, sum(row.numa_node is None for row in rows))


class AliasesTest(unittest.TestCase):
    def test_each_kind_with_each_policy_once(self) -> None:
        layouts = [catalog.find(name) for name in ("article", "sriov", "sriov")]
        named = {alias["name"]: alias for alias in map(json.loads, pci_devices.aliases(layouts))}
        self.assertEqual(3 * len(NumaPolicy), len(pci_devices.aliases(layouts)))
        self.assertEqual(3 * len(NumaPolicy), len(named))
        self.assertEqual(
            {
                "name": "igb-vf-socket",
                "vendor_id": "8086",
                "product_id": "10ca",
                "device_type": "type-VF",
                "numa_policy": "socket",
            },
            named["igb-vf-socket"],
        )
        self.assertEqual("required", named["e1000e"]["numa_policy"])
        self.assertEqual("type-PF", named["igb"]["device_type"])

    def test_sorts_by_how_many_there_are(self) -> None:
        sriov, lopsided = (catalog.find(name) for name in ("sriov", "lopsided"))
        self.assertEqual(["igb-vf", "e1000e"], [k.name for k in pci_devices.tracked([sriov])])
        self.assertEqual(
            ["e1000e", "igb-vf"], [k.name for k in pci_devices.tracked([sriov, lopsided])]
        )
        rows = [row for k in pci_devices.tracked([sriov]) for row in pci_devices.rows(sriov, k)]
        self.assertEqual(pci_devices.expected_devices(sriov), tuple(sorted(rows)))

    def test_none_for_a_nic_that_no_host_has(self) -> None:
        names = [json.loads(alias)["name"] for alias in pci_devices.aliases([])]
        self.assertEqual([], names)


class CpuSetsTest(unittest.TestCase):
    @THOROUGH
    @given(hosts())
    def test_they_share_out_the_cpus(self, host) -> None:
        sets = pci_devices.cpu_sets(lay_out(host))
        every = {cpu for node in host.nodes for cpu in node.cpus}
        self.assertEqual(every, sets.shared | sets.dedicated)
        self.assertFalse(sets.shared & sets.dedicated)
        for node in host.nodes:
            shared, dedicated = node.cpus & sets.shared, node.cpus & sets.dedicated
            self.assertEqual(bool(node.cpus), bool(shared))
            self.assertIn(len(shared) - len(dedicated), (0, host.cpus.threads))

    @THOROUGH
    @given(hosts())
    def test_threads_of_a_core_stay_together(self, host) -> None:
        layout = lay_out(host)
        sets = pci_devices.cpu_sets(layout)
        for cpu in layout.hardware().cpus:
            self.assertTrue(cpu.siblings <= sets.shared or cpu.siblings <= sets.dedicated)

    def test_article(self) -> None:
        self.assertEqual(
            CpuSets(frozenset({0, 1, 4, 6}), frozenset({2, 3, 5, 7})),
            pci_devices.cpu_sets(catalog.find("article")),
        )

    def test_a_single_core_is_shared(self) -> None:
        host = catalog.find("small").host
        node = replace(host.nodes[0], cpus=frozenset({0}), distances=((0, 10),))
        one = replace(host, cpus=CpuTopology(1), nodes=(node,))
        self.assertEqual(CpuSets(frozenset({0}), frozenset()), pci_devices.cpu_sets(lay_out(one)))
