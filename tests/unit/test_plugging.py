# SPDX-License-Identifier: Apache-2.0
"""What is plugged into a running host."""

import unittest

from lxml import etree

from vhost_tempest_plugin import catalog
from vhost_tempest_plugin.domain import companion, nic, nic_alias
from vhost_tempest_plugin.layout import lay_out


class PluggedTest(unittest.TestCase):
    def setUp(self) -> None:
        self.device = lay_out(catalog.find("article")).devices[-1]

    def place(self, text: str) -> dict[str, str]:
        (address,) = etree.fromstring(text).findall("address")
        return dict(address.attrib)

    def test_a_nic_goes_where_the_host_had_it(self) -> None:
        place = self.place(nic(self.device))
        self.assertEqual(self.device.parent, int(place["bus"], 16))
        self.assertEqual(("0x00", "0x0"), (place["slot"], place["function"]))
        self.assertNotIn("multifunction", place)

    def test_a_companion_is_the_next_function_of_its_slot(self) -> None:
        with_it, beside = nic(self.device, has_companion=True), companion(self.device)
        first, second = self.place(with_it), self.place(beside)
        self.assertEqual("on", first.pop("multifunction"))
        self.assertEqual(("0x0", "0x1"), (first.pop("function"), second.pop("function")))
        self.assertEqual(first, second)

    def test_a_nic_is_found_by_its_mac(self) -> None:
        plugged = nic(self.device).replace("</interface>", '<alias name="net8"/></interface>')
        running = f"<domain><devices>{plugged}</devices></domain>"
        self.assertEqual("net8", nic_alias(running, self.device.mac))
        self.assertIsNone(nic_alias(running, "02:00:00:00:00:01"))
