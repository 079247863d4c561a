# SPDX-License-Identifier: Apache-2.0
"""Every device model and every IOMMU model, as all that reads their modules takes them."""

import json
import unittest
from dataclasses import replace

from lxml import etree

from tests.unit.test_domain import xml_of
from tests.unit.test_pci_devices import tracked
from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.host.kernel_parameters import command_line
from vhost_tempest_plugin.host.nested_guest import kernel
from vhost_tempest_plugin.host.observe import sysfs
from vhost_tempest_plugin.hypervisor.domain import parse
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import DeviceType, PciDeviceRow
from vhost_tempest_plugin.topology import catalog, devices, iommus, yaml_file
from vhost_tempest_plugin.topology.device_model import DeviceModel
from vhost_tempest_plugin.topology.devices import e1000e, vmxnet3
from vhost_tempest_plugin.topology.drawing.differences import model_name
from vhost_tempest_plugin.topology.layout import Layout, lay_out
from vhost_tempest_plugin.topology.model import Binding, DeviceGroup, Iommu
from vhost_tempest_plugin.topology.pci import PciAddress

TEXT = """\
name: models
nodes:
  - {{cpus: 0-1, memory_mib: 512, devices: [{{model: {0}, count: 2}}]}}
  - {{cpus: 2-3, memory_mib: 512, bus: 100, devices: [{{model: {0}, driver: vfio-pci}}]}}
devices: [{{model: {0}, macs: ['52:54:00:00:00:01']}}]
"""
SMALL = catalog.find("small").host


def layout_of(model: DeviceModel) -> Layout:
    return yaml_file.load(TEXT.format(model.name), "models.yaml")


class DeviceModelsTest(unittest.TestCase):
    def test_a_module_is_a_model(self) -> None:
        self.assertLessEqual({"e1000e", "igb", "vmxnet3"}, devices.MODELS.keys())
        for name, model in devices.MODELS.items():
            with self.subTest(name):
                self.assertEqual(name, model.name)
                functions = model.vf_addresses(PciAddress(1, 0), model.max_vfs)
                self.assertLessEqual({function.bus for function in functions}, {1})

    def test_ids_are_different(self) -> None:
        ids = [model.id for model in devices.MODELS.values()]
        ids += [model.sriov.id for model in devices.MODELS.values() if model.sriov]
        self.assertEqual(len(ids), len(set(ids)))

    def test_topology_files(self) -> None:
        for model in devices.MODELS.values():
            with self.subTest(str(model)):
                layout = layout_of(model)
                self.assertEqual([0, 0, 1, None], [device.node for device in layout.devices])
                self.assertEqual({model}, {device.model for device in layout.devices})
                self.assertEqual(layout, yaml_file.load(yaml_file.dump(layout.host), "x"))

    def test_domain_xml(self) -> None:
        for model in devices.MODELS.values():
            with self.subTest(str(model)):
                layout = layout_of(model)
                text = xml_of(layout)
                self.assertEqual(layout, parse(text))
                found = etree.fromstring(text).findall(
                    f"devices/interface/model[@type='{model.name}']/../address"
                )
                self.assertEqual(
                    [device.parent for device in layout.devices],
                    [int(address.get("bus", ""), 16) for address in found],
                )

    def test_hosts_operating_system(self) -> None:
        for model in devices.MODELS.values():
            with self.subTest(str(model)):
                seen = layout_of(model).hardware().endpoints
                self.assertEqual([model.id] * 4, [endpoint.id for endpoint in seen])
                self.assertEqual([None, 0x64 + 1], [seen[0].node, seen[1].address.bus])
                self.assertEqual(
                    {model.driver, Binding.VFIO_PCI.value}, {endpoint.driver for endpoint in seen}
                )
                self.assertEqual(model.name, model_name(model.id))

    def test_nova(self) -> None:
        for model in devices.MODELS.values():
            with self.subTest(str(model)):
                layout = layout_of(model)
                self.assertEqual(tracked(layout), list(pci_devices.expected_devices(layout)))
                aliases = [json.loads(alias) for alias in pci_devices.aliases([layout])]
                self.assertIn(model.name, [alias["name"] for alias in aliases])

    def test_the_nested_guest_has_their_drivers(self) -> None:
        lines = kernel._configuration().splitlines()
        for model in devices.MODELS.values():
            for option in model.kernel_options:
                self.assertEqual(1, lines.count(f"{option}=y"), option)


class Vmxnet3Test(unittest.TestCase):
    """A model of another vendor."""

    def test_nova(self) -> None:
        layout = layout_of(vmxnet3.MODEL)
        self.assertEqual(
            ('{"vendor_id": "15ad", "product_id": "07b0"}',), pci_devices.device_spec(layout)
        )
        self.assertEqual(
            PciDeviceRow(PciAddress(0x65, 0), "15ad", "07b0", 1, DeviceType.PCI),
            pci_devices.expected_devices(layout)[1],
        )
        self.assertIn(
            '{"name": "vmxnet3", "vendor_id": "15ad", "product_id": "07b0", '
            '"device_type": "type-PCI", "numa_policy": "required"}',
            pci_devices.aliases([layout]),
        )

    def test_beside_another_model(self) -> None:
        group, other = DeviceGroup(vmxnet3.MODEL), DeviceGroup(e1000e.MODEL)
        node = replace(SMALL.nodes[0], devices=(group, other))
        layout = lay_out(replace(SMALL, nodes=(node, *SMALL.nodes[1:])))
        self.assertEqual(tracked(layout), list(pci_devices.expected_devices(layout)))
        self.assertEqual(layout, parse(xml_of(layout)))


class OtherDeviceTest(unittest.TestCase):
    """A device that is no NIC has no MAC address."""

    STORAGE = replace(e1000e.MODEL, name="nvme", class_code=0x0108)

    def test_it_has_a_place_and_no_address(self) -> None:
        node = replace(SMALL.nodes[0], devices=(DeviceGroup(self.STORAGE, 2),))
        layout = lay_out(replace(SMALL, nodes=(node, *SMALL.nodes[1:])))
        self.assertEqual([None, None], [device.mac for device in layout.devices[:2]])
        self.assertEqual(2, len({device.address for device in layout.devices[:2]}))

    def test_it_cannot_be_given_one(self) -> None:
        group = DeviceGroup(self.STORAGE, macs=("52:54:00:00:00:01",))
        with self.assertRaisesRegex(TopologyError, "nvme, which is no NIC"):
            lay_out(replace(SMALL, devices=(group,)))


class IommuModelsTest(unittest.TestCase):
    def test_a_module_is_a_model(self) -> None:
        self.assertIn("intel", iommus.MODELS)
        for name, model in iommus.MODELS.items():
            self.assertEqual(name, model.name)

    def test_each(self) -> None:
        for name, model in iommus.MODELS.items():
            with self.subTest(name):
                text = f"iommu: {name}\n{TEXT.format('e1000e')}"
                layout = yaml_file.load(text, "models.yaml")
                self.assertIs(model, layout.host.iommu.model)
                self.assertEqual(model.remapping is not None, layout.host.iommu.interrupt_remapping)
                self.assertEqual(layout, parse(xml_of(layout)))
                self.assertEqual(layout, yaml_file.load(yaml_file.dump(layout.host), "x"))
                self.assertLessEqual(
                    set(model.kernel_parameters), set(command_line(layout).split())
                )
                self.assertIn(model.log_word, sysfs.argv()[-1])

    def test_what_a_model_cannot_be_is_refused(self) -> None:
        intel = iommus.MODELS["intel"]
        plain = replace(intel, remapping=None, has_caching_mode=False, address_widths_bits=())
        for iommu, option in (
            (Iommu(plain, caching_mode=False), "interrupt_remapping"),
            (Iommu(plain, interrupt_remapping=False), "caching_mode"),
            (Iommu(plain, False, False, 39), "address_width_bits"),
        ):
            with self.subTest(option), self.assertRaisesRegex(TopologyError, option):
                lay_out(replace(SMALL, iommu=iommu))
        lay_out(replace(SMALL, iommu=Iommu(plain, False, False)))
