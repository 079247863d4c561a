# SPDX-License-Identifier: Apache-2.0
import unittest
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from tests.unit.strategies import hosts
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.devices import e1000e, igb
from vhost_tempest_plugin.topology.hardware import ControllerKind, Cpu, Port, RootBus
from vhost_tempest_plugin.topology.layout import BIOS_NICS, Firmware, Layout, lay_out
from vhost_tempest_plugin.topology.model import (
    Binding,
    CpuTopology,
    DeviceGroup,
    Host,
    Iommu,
    NumaNode,
)
from vhost_tempest_plugin.topology.pci import PciAddress


def host_of(*groups: DeviceGroup, iommu: Iommu | None = None, cpus: int = 1) -> Host:
    node = NumaNode(0, frozenset(range(cpus)), 512, ((0, 10),), devices=groups)
    return Host("tiny", CpuTopology(1, cpus), (node,), iommu=iommu or Iommu())


class ArticleTest(unittest.TestCase):
    def test_addresses(self) -> None:
        endpoints = catalog.find("article").hardware().endpoints
        self.assertEqual(
            {0: "b5 b6 b7", 1: "c9 ca cb", 2: "dd de df"},
            {
                node: " ".join(f"{e.address.bus:02x}" for e in endpoints if e.node == node)
                for node in range(3)
            },
        )
        self.assertEqual({(0, 0)}, {(e.address.slot, e.address.function) for e in endpoints})

    def test_root_buses_and_ports(self) -> None:
        hardware = catalog.find("article").hardware()
        self.assertEqual(
            (RootBus(0, None), RootBus(180, 0), RootBus(200, 1), RootBus(220, 2)),
            hardware.root_buses,
        )
        self.assertEqual(Port(PciAddress(180, 2), 183), hardware.ports[2])
        self.assertEqual(9, len(hardware.ports))


class PropertiesTest(unittest.TestCase):
    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(hosts())
    def test_nothing_collides(self, host) -> None:
        layout = lay_out(host)
        places = [(c.parent, c.slot) for c in layout.controllers if c.parent is not None]
        places += [(d.parent, d.slot) for d in layout.devices]
        self.assertEqual(len(places), len(set(places)))
        buses = [c.guest_bus for c in layout.controllers]
        self.assertEqual(len(buses), len(set(buses)))
        self.assertLessEqual(max(buses), 255)
        macs = [d.mac for d in layout.devices] + [layout.management_mac]
        self.assertEqual(len(macs), len(set(macs)))
        addresses = [e.address for e in layout.hardware().endpoints]
        self.assertEqual(sorted(set(addresses)), addresses)

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(hosts())
    def test_everything_asked_for_is_there(self, host) -> None:
        hardware = lay_out(host).hardware()
        for node in (None, *range(len(host.nodes))):
            wanted = [g for owner, g in host.groups() if owner == node]
            got = [e for e in hardware.endpoints if e.node == node]
            self.assertEqual(sum(g.count * (1 + g.vfs) for g in wanted), len(got))
        self.assertEqual(host.memory_mib, sum(cell.memory_mib for cell in hardware.cells))
        self.assertEqual(host.cpus.count, len(hardware.cpus))

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(hosts())
    def test_same_again(self, host) -> None:
        self.assertEqual(lay_out(host), lay_out(host))


class SriovTest(unittest.TestCase):
    def test_functions(self) -> None:
        layout = lay_out(host_of(DeviceGroup(igb.MODEL, vfs=2)))
        pf, *vfs = layout.hardware().endpoints
        self.assertEqual(
            ("b5:00.0", 7, None), (str(pf.address)[5:], pf.total_vfs, pf.physical_function)
        )
        self.assertEqual(["b5:10.0", "b5:10.2"], [str(vf.address)[5:] for vf in vfs])
        self.assertEqual({pf.address}, {vf.physical_function for vf in vfs})
        self.assertEqual(["igb", "igbvf", "igbvf"], [e.driver for e in (pf, *vfs)])

    def test_the_kernel_keeps_a_physical_function_that_has_virtual_ones(self) -> None:
        group = DeviceGroup(igb.MODEL, vfs=1, binding=Binding.VFIO_PCI)
        drivers = [e.driver for e in lay_out(host_of(group)).hardware().endpoints]
        self.assertEqual(["igb", "vfio-pci"], drivers)
        drivers = [e.driver for e in lay_out(host_of(replace(group, vfs=0))).hardware().endpoints]
        self.assertEqual(["vfio-pci"], drivers)

    def test_groups_need_an_iommu(self) -> None:
        without = Iommu(None, interrupt_remapping=False, caching_mode=False)
        group = DeviceGroup(e1000e.MODEL)
        (alone,) = lay_out(host_of(group)).hardware().endpoints
        self.assertEqual(frozenset({alone.address}), alone.group)
        (none,) = lay_out(host_of(group, iommu=without)).hardware().endpoints
        self.assertEqual(frozenset(), none.group)


class LayoutTest(unittest.TestCase):
    def test_on_no_node(self) -> None:
        host = replace(host_of(), devices=(DeviceGroup(e1000e.MODEL, 2),))
        endpoints = lay_out(host).hardware().endpoints
        self.assertEqual([(1, None), (2, None)], [(e.address.bus, e.node) for e in endpoints])

    def test_threads_are_siblings(self) -> None:
        node = NumaNode(0, frozenset(range(8)), 512, ((0, 10),))
        cpus = lay_out(Host("smt", CpuTopology(2, 2, 2), (node,))).hardware().cpus
        self.assertEqual(Cpu(5, 1, frozenset({4, 5})), cpus[5])
        self.assertEqual([0, 0, 0, 0, 1, 1, 1, 1], [cpu.socket for cpu in cpus])

    def test_firmware(self) -> None:
        for count, firmware in ((BIOS_NICS, Firmware.BIOS), (BIOS_NICS + 1, Firmware.EFI)):
            with self.subTest(count):
                layout = lay_out(host_of(DeviceGroup(e1000e.MODEL, count)))
                self.assertIs(firmware, layout.firmware)

    def test_most_devices(self) -> None:
        nodes = tuple(
            NumaNode(
                i,
                frozenset({i}),
                256,
                tuple((j, 10 if i == j else 20) for j in range(8)),
                devices=(DeviceGroup(e1000e.MODEL, 32 if i < 7 else 23),),
            )
            for i in range(8)
        )
        layout = lay_out(Host("full", CpuTopology(8), nodes))
        self.assertEqual(247, len(layout.devices))
        self.assertEqual(set(range(256)), {c.guest_bus for c in layout.controllers})
        self.assertEqual(255, max(c.chassis for c in layout.controllers))

    def test_order_of_controllers(self) -> None:
        for name in catalog.names():
            with self.subTest(name):
                layout = catalog.find(name)
                indexes = [c.index for c in layout.controllers]
                self.assertEqual(list(range(len(indexes))), indexes)
                self.assertIs(ControllerKind.PCIE_ROOT, layout.controllers[0].kind)
                self.assertTrue(all(c.parent < c.index for c in layout.controllers[1:]))


class MacTest(unittest.TestCase):
    def macs(self, host: Host) -> list[str]:
        layout: Layout = lay_out(host)
        return [layout.management_mac, *(device.mac for device in layout.devices)]

    def test_made_up(self) -> None:
        host = host_of(DeviceGroup(e1000e.MODEL, 3))
        macs = self.macs(host)
        self.assertEqual(4, len(set(macs)))
        self.assertEqual({2}, {int(mac[:2], 16) for mac in macs})
        self.assertFalse(set(macs) & set(self.macs(replace(host, name="other"))))

    def test_made_up_avoid_given(self) -> None:
        host = host_of(DeviceGroup(e1000e.MODEL, 2))
        first = self.macs(host)[1]
        group = DeviceGroup(e1000e.MODEL, macs=(first,))
        macs = self.macs(replace(host, devices=(group,)))
        self.assertEqual(4, len(set(macs)))
        self.assertEqual(first, macs[-1])
