# SPDX-License-Identifier: Apache-2.0
import tempfile
import unittest
from ipaddress import IPv4Address
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vhost_tempest_plugin.errors import HostError, LocalError
from vhost_tempest_plugin.host import nested_guest
from vhost_tempest_plugin.host.nested_guest.kernel import newest
from vhost_tempest_plugin.topology.model import HugePages
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

CONSOLE = """\
[    0.100000] Linux version 6.1.192
vhost-guest: kernel 6.1.192
vhost-guest: interface 0000:01:00.0 52:54:00:00:01:03 eth0
vhost-guest: cpus 0-1
vhost-guest: cpu 1 socket=0 siblings=0-1
vhost-guest: cpu 0 socket=0 siblings=0-1
vhost-guest: node 0 cpus=0-1 memory_kib=117252
vhost-guest: hugepages node=0 size_kib=2048 total=16 free=16
vhost-guest: pci 0000:01:00.0 8086:10d3 class=020000 node=0 driver=e1000e
vhost-guest: pci 0000:00:00.0 8086:29c0 class=060000 node=-1
[   14.2] e1000e: vhost-guest: dhcp 0000:01:00.0 52:54:00:00:01:03 10.0.2.15 server=10.0.2.2\r
vhost-guest: no-dhcp 0000:02:00.0 52:54:00:00:01:04 reason=no-answer
vhost-guest: done
"""


class ReportTest(unittest.TestCase):
    def test_everything_said_is_read(self) -> None:
        report = nested_guest.parse(CONSOLE)
        nic = PciAddress(1, 0)
        both = frozenset({0, 1})
        self.assertEqual("6.1.192", report.kernel)
        self.assertEqual(
            (nested_guest.GuestCpu(0, 0, both), nested_guest.GuestCpu(1, 0, both)), report.cpus
        )
        self.assertEqual(
            (nested_guest.GuestNode(0, both, 117252, (HugePages(2048, 16),)),), report.nodes
        )
        self.assertEqual(
            (nested_guest.GuestDevice(nic, PciId(0x8086, 0x10D3), 0x020000, 0, "e1000e"),),
            report.nics,
        )
        self.assertEqual([None, 0], [device.node for device in report.devices])
        self.assertEqual(
            (
                nested_guest.Lease(
                    nic, "52:54:00:00:01:03", IPv4Address("10.0.2.15"), IPv4Address("10.0.2.2")
                ),
            ),
            report.leases,
        )
        self.assertEqual("no-answer", report.failures[0].reason)
        self.assertTrue(report.complete)

    @given(st.integers(0, len(CONSOLE)))
    def test_a_console_cut_off_anywhere_is_read(self, chars: int) -> None:
        report = nested_guest.parse(CONSOLE[:chars])
        self.assertEqual(CONSOLE[:chars].endswith("done\n"), report.complete)

    def test_nonsense_is_one_line(self) -> None:
        for said in ("cpu x socket=0 siblings=0", "pci 1 2", "dhcp 0000:01:00.0", "node 0 cpus=0"):
            with self.subTest(said=said), self.assertRaisesRegex(HostError, "cannot be read"):
                nested_guest.parse(f"vhost-guest: {said}\n")


class SourceTest(unittest.TestCase):
    def test_the_newest_by_number(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            sources = Path(directory)
            for version in ("6.1", "6.12", "6.9"):
                (sources / f"linux-source-{version}.tar.xz").touch()
            (sources / "linux-source-6.99.tar.xz.asc").touch()
            self.assertEqual("linux-source-6.12.tar.xz", newest(sources).name)

    def test_none_names_the_package(self) -> None:
        with (
            tempfile.TemporaryDirectory() as directory,
            self.assertRaisesRegex(LocalError, "install the package linux-source"),
        ):
            newest(Path(directory))
