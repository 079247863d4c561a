# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.hypervisor.domain import AssignedDevice, DomainCell, parse_guest
from vhost_tempest_plugin.topology.pci import PciAddress

# What Nova 34.0 and libvirt 9.0 make of a guest with two nodes, huge pages and a NIC, shortened.
XML = """\
<domain type='qemu' id='3'>
  <name>instance-00000004</name>
  <uuid>5a2f9a3e-3c0b-4e61-9b5e-0d8a6f8f2a11</uuid>
  <memory unit='KiB'>262144</memory>
  <memoryBacking>
    <hugepages>
      <page size='2048' unit='KiB' nodeset='0'/>
      <page size='1' unit='GiB' nodeset='1'/>
    </hugepages>
    <locked/>
  </memoryBacking>
  <vcpu placement='static' cpuset='0-1,5'>2</vcpu>
  <iothreads>1</iothreads>
  <cputune>
    <shares>2048</shares>
    <vcpupin vcpu='0' cpuset='0-1'/>
    <vcpupin vcpu='1' cpuset='5'/>
    <emulatorpin cpuset='0-1,5'/>
    <iothreadpin iothread='1' cpuset='0-1'/>
  </cputune>
  <numatune>
    <memory mode='strict' nodeset='0-1'/>
    <memnode cellid='0' mode='strict' nodeset='0'/>
    <memnode cellid='1' mode='strict' nodeset='1'/>
  </numatune>
  <cpu>
    <numa>
      <cell id='0' cpus='0' memory='131072' unit='KiB'/>
      <cell id='1' cpus='1' memory='128' unit='MiB'/>
    </numa>
  </cpu>
  <devices>
    <serial type='pty'>
      <log file='/var/lib/nova/instances/5a2f/console.log' append='off'/>
    </serial>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <driver name='vfio'/>
      <source><address domain='0x0000' bus='0xc9' slot='0x00' function='0x0'/></source>
      <address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>
    </hostdev>
    <hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source></hostdev>
  </devices>
</domain>
"""


class GuestDomainTest(unittest.TestCase):
    def test_placement_is_read(self) -> None:
        guest = parse_guest(XML)
        self.assertEqual("5a2f9a3e-3c0b-4e61-9b5e-0d8a6f8f2a11", guest.uuid)
        self.assertEqual(
            ("instance-00000004", True, True), (guest.name, guest.active, guest.locked)
        )
        self.assertEqual((AssignedDevice(PciAddress(0xC9, 0), managed=True),), guest.assigned)
        self.assertEqual({PciAddress(0xC9, 0)}, guest.hostdevs)
        self.assertEqual(
            (
                DomainCell(frozenset({0}), 128, frozenset({0}), 2048),
                DomainCell(frozenset({1}), 128, frozenset({1}), 1048576),
            ),
            guest.cells,
        )
        self.assertEqual("strict", guest.memory_mode)
        self.assertEqual({0, 1}, guest.nodes)
        self.assertEqual({0: {0, 1}, 1: {5}}, guest.vcpu_cpus)
        self.assertEqual({0, 1, 5}, guest.cpus)
        self.assertEqual({0, 1, 5}, guest.emulator_cpus)
        self.assertEqual({0, 1, 5}, guest.cpuset)
        self.assertEqual((1, {1: {0, 1}}), (guest.iothreads, guest.iothread_cpus))
        self.assertEqual("/var/lib/nova/instances/5a2f/console.log", guest.console_log)

    def test_one_that_floats_and_is_off(self) -> None:
        guest = parse_guest("<domain><devices/></domain>")
        self.assertEqual(
            (set(), set(), set(), ()), (guest.hostdevs, guest.nodes, guest.cpus, guest.cells)
        )
        self.assertEqual(
            (False, None, None, None),
            (guest.active, guest.memory_mode, guest.emulator_cpus, guest.console_log),
        )

    def test_anything_else_is_refused(self) -> None:
        for text in ("", "error: no domain", XML.replace("0xc9", "bus")):
            with self.subTest(text[:30]), self.assertRaisesRegex(HostError, "virsh dumpxml"):
                parse_guest(text)
