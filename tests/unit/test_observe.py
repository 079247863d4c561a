# SPDX-License-Identifier: Apache-2.0
import dataclasses
import time
import unittest

from tests.unit.recorded_host import HOST, recorded
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import observe
from vhost_tempest_plugin.host.observe import libvirt_view
from vhost_tempest_plugin.topology.hardware import RootBus
from vhost_tempest_plugin.topology.iommus import intel
from vhost_tempest_plugin.topology.layout import lay_out
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

VF = PciAddress(0xDD, 0x10)


class ReadTest(unittest.TestCase):
    def test_the_recorded_host_is_what_its_layout_promises(self) -> None:
        self.assertEqual(lay_out(HOST).hardware(), observe.read(recorded("sriov")).hardware)

    def test_what_lies_beside_the_hardware(self) -> None:
        seen = observe.read(recorded("sriov"))
        self.assertEqual(((0, 1951232), (1, 1031520), (2, 1030692)), seen.mem_total_kib)
        self.assertEqual({PciAddress(0xDD, 0): 2}, seen.enabled_vfs)
        self.assertEqual(20, seen.groups[VF])
        self.assertIn("intel_iommu=on", seen.command_line)
        self.assertIn("pdpe1gb", seen.cpu_flags)
        self.assertEqual({"DMAR"}, seen.acpi_tables)
        self.assertTrue(seen.vfio_pci)
        self.assertIs(False, seen.unsafe_interrupts)
        self.assertFalse(seen.kvm_device)
        self.assertEqual(frozenset(), seen.kvm_modules)

    def test_a_switch_merges_its_ports_with_what_is_behind(self) -> None:
        hardware = observe.read(recorded("merged-groups")).hardware
        nic = next(n for n in hardware.endpoints if n.address == PciAddress(0xCD, 0))
        self.assertEqual({PciAddress(0xCC, 0), PciAddress(0xCD, 0)}, nic.group)
        self.assertIn(PciAddress(0xCC, 0), [port.address for port in hardware.ports])

    def test_without_an_iommu_there_are_no_groups(self) -> None:
        seen = observe.read(recorded("noiommu"))
        self.assertEqual({}, seen.groups)
        self.assertEqual({frozenset()}, {nic.group for nic in seen.hardware.endpoints})
        self.assertNotIn("DMAR", seen.acpi_tables)

    def test_an_empty_expander_bus_has_the_node_of_its_cpus(self) -> None:
        text = "\n".join(line for line in recorded("sriov").splitlines() if "0000:c8:0" not in line)
        self.assertIn(RootBus(0xC8, 1), observe.read(text).hardware.root_buses)

    def test_the_management_link_is_no_endpoint(self) -> None:
        text = recorded("sriov")
        self.assertIn("0000:00:0a.0/class:0x020000", text)
        ids = {nic.id for nic in observe.read(text).hardware.endpoints}
        self.assertEqual({PciId(0x8086, 0x10D3), PciId(0x8086, 0x10C9), PciId(0x8086, 0x10CA)}, ids)

    def test_anything_else_is_an_error_that_says_what(self) -> None:
        text = recorded("sriov")
        for old, new, reported in (
            ("== end", "", "no section 'end'"),
            ("cpu0/topology/physical_package_id:0", "cpu0/topology/physical_package_id:x", "x"),
            ("node/node1/distance:21 10 21", "node/node1/distance:21 10", "NUMA distances"),
            ("node1/distance:21 10 21", "node1/distance:21 ten 21", "'ten'"),
            ("./0000:b5:00.0/device:0x10d3", "./0000:b5:00.0/device:dog", "dog"),
            ("./0000:b5:00.0/numa_node:0\n", "", "0000:b5:00.0/numa_node"),
            ("memory/block_size_bytes:8000000\n", "", "block_size_bytes"),
            ("node/node2/meminfo:Node 2 MemTotal:", "node/node2/meminfo:Nod", "meminfo"),
            ("secondary_bus_number:181", "secondary_bus_number:", "secondary_bus_number"),
            (
                "/sys/devices/system/node/node1/memory32\n",
                "/sys/devices/system/node/node1/memory32\n/sys/devices/system/node/node0/memory32\n",
                "memory32",
            ),
        ):
            with self.subTest(reported=reported):
                self.assertIn(old, text)
                with self.assertRaisesRegex(HostError, reported):
                    observe.read(text.replace(old, new))
        with self.assertRaises(HostError):
            observe.read("")


class KernelLogTest(unittest.TestCase):
    def test_the_message_that_counts_and_the_one_that_misleads(self) -> None:
        good = observe.read(recorded("sriov")).kernel_log
        misled = observe.read(recorded("noiommu")).kernel_log
        self.assertEqual(
            "DMAR: Intel(R) Virtualization Technology for Directed I/O", good.active(intel.MODEL)
        )
        self.assertEqual(
            "DMAR-IR: Enabled IRQ remapping in xapic mode", good.remapping(intel.MODEL)
        )
        self.assertIsNone(misled.active(intel.MODEL))
        self.assertEqual("DMAR: IOMMU enabled", misled.requested(intel.MODEL))
        self.assertEqual("DMAR: IOMMU enabled", misled.last(intel.MODEL))
        self.assertTrue(good.complete)

    def test_a_log_that_lost_its_beginning(self) -> None:
        log = observe.read(recorded("sriov")).kernel_log
        self.assertFalse(dataclasses.replace(log, lines=log.lines[1:]).complete)
        self.assertFalse(dataclasses.replace(log, lines=()).complete)


class LibvirtViewTest(unittest.TestCase):
    def test_capabilities_devices_and_networks(self) -> None:
        view = libvirt_view.read(recorded("sriov-virsh"))
        self.assertEqual([0, 1, 2], [cell.id for cell in view.cells])
        self.assertEqual(1031520, view.cells[1].memory_kib)
        self.assertEqual(frozenset({4, 5}), view.cells[1].cpus)
        self.assertEqual(((0, 21), (1, 10), (2, 21)), view.cells[1].distances)
        self.assertEqual(8, len(view.devices))
        vf = view.devices[VF]
        self.assertEqual((PciId(0x8086, 0x10CA), 2, 20), (vf.id, vf.node, vf.group))
        self.assertIsNone(view.devices[PciAddress(1, 0)].node)
        self.assertEqual({"default": libvirt_view.Network(False, False)}, view.networks)

    def test_documents_that_do_not_end_take_linear_time(self) -> None:
        text = recorded("sriov-virsh")
        begun_s = time.process_time()
        for junk in ("<device>", "<device>\n", "<capabilities>\n<device>\n"):
            view = libvirt_view.read(text + junk * 200_000)
            self.assertEqual(libvirt_view.read(text), view)
        self.assertLess(time.process_time() - begun_s, 20)

    def test_too_much_and_too_deep_xml_is_an_error(self) -> None:
        for content in ("<x>" * 100_000 + "</x>" * 100_000, "x" * (9 << 20)):
            with self.assertRaisesRegex(HostError, "XML of libvirt"):
                libvirt_view.read(f"<capabilities>\n{content}\n</capabilities>\n")

    def test_the_command_names_devices_as_libvirt_does(self) -> None:
        self.assertIn("nodedev-dumpxml pci_0000_dd_10_0", libvirt_view.argv([VF])[-1])

    def test_anything_else_is_an_error(self) -> None:
        text = recorded("sriov-virsh")
        for old, new in (
            ("</capabilities>", ""),
            ("<memory unit='KiB'>1031520", "<memory unit='GiB'>1031520"),
            ("1031520", "much"),
            ("<bus>181</bus>", ""),
            ("<product id='0x10d3'>", "<product>"),
            ("<topology>", "<topology"),
        ):
            with self.subTest(old=old):
                self.assertIn(old, text)
                with self.assertRaises(HostError):
                    libvirt_view.read(text.replace(old, new, 1))
