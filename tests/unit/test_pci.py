# SPDX-License-Identifier: Apache-2.0
import unittest

from hypothesis import given
from hypothesis import strategies as st

from vhost_tempest_plugin.topology.devices import e1000e, igb
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

addresses = st.builds(
    PciAddress, st.integers(0, 255), st.integers(0, 31), st.integers(0, 7), st.integers(0, 0xFFFF)
)


class PciAddressTest(unittest.TestCase):
    def test_parse(self) -> None:
        for text in ("0000:b5:10.2", "b5:10.2", " 0000:B5:10.2\n", "00000000:b5:10.2"):
            with self.subTest(text):
                self.assertEqual(PciAddress(0xB5, 0x10, 2), PciAddress.parse(text))
        self.assertEqual("0000:b5:10.2", str(PciAddress(0xB5, 0x10, 2)))

    def test_refuses(self) -> None:
        for text in ("", "b5", "b5:00", "b5:00.8", "b5:20.0", "1b5:00.0", "0000:b5:00.00"):
            with self.subTest(text), self.assertRaises(ValueError):
                PciAddress.parse(text)
        with self.assertRaisesRegex(ValueError, "100"):
            PciAddress(256, 0)

    @given(addresses)
    def test_reads_back_equal(self, address) -> None:
        self.assertEqual(address, PciAddress.parse(str(address)))

    @given(st.lists(addresses))
    def test_order_is_that_of_the_buses_within_a_domain(self, many) -> None:
        same = [PciAddress(a.bus, a.slot, a.function) for a in many]
        self.assertEqual(sorted(same, key=str), sorted(same))

    def test_offset(self) -> None:
        self.assertEqual(PciAddress(1, 0x10), PciAddress(1, 0).offset(0x80))
        self.assertEqual(PciAddress(2, 0), PciAddress(1, 31, 7).offset(1))


class PciIdTest(unittest.TestCase):
    def test_parse(self) -> None:
        for text in ("8086:10d3", "0x8086:0x10D3"):
            self.assertEqual("8086:10d3", str(PciId.parse(text)))
        for text in ("8086", "8086:10d", "8086:10d33", "x:y"):
            with self.subTest(text), self.assertRaises(ValueError):
                PciId.parse(text)


class DeviceModelTest(unittest.TestCase):
    def test_virtual_functions_stay_on_the_bus(self) -> None:
        pf = PciAddress(0xB5, 0)
        addresses = igb.MODEL.vf_addresses(pf, igb.MODEL.max_vfs)
        self.assertEqual(
            ["10.0", "10.2", "10.4", "10.6", "11.0", "11.2", "11.4"],
            [str(address)[8:] for address in addresses],
        )
        self.assertEqual({pf.bus}, {address.bus for address in addresses})

    def test_facts(self) -> None:
        self.assertEqual(0, e1000e.MODEL.max_vfs)
        self.assertIsNone(e1000e.MODEL.sriov)
        self.assertEqual("8086:10ca", str(igb.MODEL.sriov.id))
