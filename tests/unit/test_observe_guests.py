# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host.observe import guests
from vhost_tempest_plugin.host.observe.host_view import HostDevice
from vhost_tempest_plugin.topology.pci import PciAddress

GUEST = "5a2f9a3e-3c0b-4e61-9b5e-0d8a6f8f2a11"
TEXT = f"""\
== values
/sys/devices/system/node/node0/meminfo:Node 0 MemTotal:        4022276 kB
/sys/bus/pci/devices/0000:b5:00.0/numa_node:0
/sys/bus/pci/devices/0000:b6:00.0/numa_node:-1
/sys/bus/pci/devices/0000:00:1f.0/numa_node:-1
== links
/sys/bus/pci/devices/0000:b5:00.0/ driver ../../../../bus/pci/drivers/vfio-pci
/sys/bus/pci/devices/0000:b5:00.0/ iommu_group ../../../../kernel/iommu_groups/12
/sys/bus/pci/devices/0000:b6:00.0/ driver ../../../../bus/pci/drivers/e1000e
/sys/bus/pci/devices/0000:b6:00.0/ iommu_group ../../../../kernel/iommu_groups/13
== holders
12 4711 /usr/bin/qemu-system-x86_64 -name guest=instance-1 -uuid {GUEST} -display none
13 4712 /usr/bin/dpdk --all
== end
"""
OTHER_GUEST = "00000000-0000-0000-0000-000000000002"
DOMAINS = (
    f"""<domain type='qemu' id='3'>
  <name>instance-1</name>
  <uuid>{GUEST}</uuid>
  <devices/>
</domain>""",
    f"<domain type='qemu'><name>instance-2</name><uuid>{OTHER_GUEST}</uuid></domain>",
)


class GuestsTest(unittest.TestCase):
    def test_all_is_read(self) -> None:
        view = guests.read(TEXT, DOMAINS)
        self.assertEqual({0: 4022276}, view.memory_kib)
        self.assertEqual(
            HostDevice(PciAddress(0xB5, 0), 0, "vfio-pci", 12, frozenset({GUEST})),
            view.devices[PciAddress(0xB5, 0)],
        )
        other = view.devices[PciAddress(0xB6, 0)]
        self.assertEqual((None, "e1000e", 13), (other.node, other.driver, other.group))
        self.assertEqual({"process 4712 (/usr/bin/dpdk --all)"}, other.holders)
        bridge = view.devices[PciAddress(0, 0x1F)]
        self.assertEqual((None, None, frozenset()), (bridge.driver, bridge.group, bridge.holders))
        self.assertEqual(
            {GUEST: True, OTHER_GUEST: False},
            {uuid: domain.active for uuid, domain in view.domains.items()},
        )

    def test_a_host_without_guests(self) -> None:
        self.assertEqual({}, guests.read(TEXT, ()).domains)

    def test_anything_else_is_refused(self) -> None:
        for text in (
            "",
            TEXT.replace("== end", ""),
            TEXT.replace("12 4711", "12"),
            TEXT.replace(" driver ../", "driver ../"),
        ):
            with self.subTest(text[:40]), self.assertRaisesRegex(HostError, "cannot be read"):
                guests.read(text, ())

    def test_the_script_is_there(self) -> None:
        self.assertIn("== holders", guests.script())
