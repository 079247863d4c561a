# SPDX-License-Identifier: Apache-2.0
"""What options of nova-compute lead to on a host."""

import json
import unittest

from tests.unit import lab_settings
from vhost_tempest_plugin.cloud.configuration import render
from vhost_tempest_plugin.nova import compute_options, device_spec, pci_devices
from vhost_tempest_plugin.nova.compute_options import Options
from vhost_tempest_plugin.nova.device_spec import AddressPattern, Entry
from vhost_tempest_plugin.nova.pci_devices import DeviceType
from vhost_tempest_plugin.topology import catalog

LAYOUTS = {name: catalog.find(name) for name in catalog.names()}


class ReadTest(unittest.TestCase):
    def test_what_a_lab_computes_leads_to_what_is_expected(self) -> None:
        for name, layout in LAYOUTS.items():
            host = lab_settings.host(name)
            options = render.compute_options(lab_settings.settings(host), host)
            read = compute_options.read(options, layout)
            with self.subTest(topology=name):
                self.assertEqual(pci_devices.expected_devices(layout), read.devices)
                self.assertEqual(pci_devices.cpu_sets(layout), read.cpus)
                self.assertEqual((False, 0), (read.reports_devices, read.memory_mib))

    def test_cpu_sets(self) -> None:
        layout = LAYOUTS["small"]
        every = frozenset(cpu for node in layout.host.nodes for cpu in node.cpus)
        compute: dict[str, str | tuple[str, ...]]
        for compute, shared, dedicated in (
            ({}, every, frozenset()),
            ({"cpu_dedicated_set": "1-3"}, frozenset(), {1, 2, 3}),
            ({"cpu_shared_set": "0", "cpu_dedicated_set": "1-3,^2"}, {0}, {1, 3}),
            ({"cpu_shared_set": ("0", "1")}, {1}, frozenset()),
        ):
            with self.subTest(compute=compute):
                read = compute_options.read({"compute": compute}, layout)
                self.assertEqual((shared, dedicated), (read.cpus.shared, read.cpus.dedicated))
        legacy: Options = {"DEFAULT": {"vcpu_pin_set": "2"}, "compute": {"cpu_shared_set": "0"}}
        self.assertEqual({2}, compute_options.read(legacy, layout).cpus.shared)

    def test_the_address_of_a_physical_function_means_its_virtual_ones_too(self) -> None:
        layout = next(each for each in LAYOUTS.values() if any(d.vfs for d in each.devices))
        device = next(device for device in layout.devices if device.vfs)
        for address in (str(device.address), json.loads(_pattern(str(device.address)))):
            spec = json.dumps({"address": address})
            read = compute_options.read({"pci": {"device_spec": spec}}, layout)
            with self.subTest(address=address):
                self.assertEqual(
                    {device.address, *device.vf_addresses}, {row.address for row in read.devices}
                )
        spec = json.dumps({"address": str(device.address), "product_id": _vf(layout)})
        read = compute_options.read({"pci": {"device_spec": spec}}, layout)
        self.assertEqual({DeviceType.VF}, {row.dev_type for row in read.devices})

    def test_what_nova_refuses(self) -> None:
        for section, option, value in (
            ("compute", "cpu_shared_set", "3-1"),
            ("compute", "cpu_dedicated_set", "a"),
            ("pci", "device_spec", "{"),
            ("pci", "device_spec", "3"),
            ("libvirt", "file_backed_memory", "much"),
        ):
            with self.subTest(value=value), self.assertRaises(ValueError):
                compute_options.read({section: {option: value}}, LAYOUTS["small"])


class DeviceSpecTest(unittest.TestCase):
    def test_it_is_read_as_it_is_written(self) -> None:
        entries = (
            Entry("8086", "10d3", "0000:b5:00.0", "CUSTOM_NIC", ("a", "b"), True, True),
            Entry(address=AddressPattern(bus="b.")),
            Entry(managed=False),
        )
        self.assertEqual(entries, device_spec.read(device_spec.each(entries)))
        self.assertEqual(entries, device_spec.read([device_spec.together(entries)]))

    def test_spellings(self) -> None:
        (entry,) = device_spec.read(
            ['{"vendor_id": "*", "product_id": "0x10d3", "physical_network": "net"}']
        )
        self.assertEqual(Entry(product_id="10d3"), entry)
        self.assertEqual((), device_spec.read([""]))


def _vf(layout: object) -> str:
    rows = pci_devices.functions(layout)  # type: ignore[arg-type]
    return next(row.product_id for row in rows if row.dev_type is DeviceType.VF)


def _pattern(address: str) -> str:
    domain, bus, rest = address.split(":")
    slot, function = rest.split(".")
    return json.dumps({"domain": domain, "bus": bus, "slot": slot, "function": function})
