# SPDX-License-Identifier: Apache-2.0
"""NICs of a running host; ``tests/e2e`` pulls real ones."""

import unittest

from lxml import etree

from tests.unit.asking import ARTICLE
from vhost_tempest_plugin import domain, plugging
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.pci import PciAddress
from vhost_tempest_plugin.progress import silent

DEVICE = ARTICLE.devices[1]


class NicTest(unittest.TestCase):
    def test_alias_of_a_nic(self) -> None:
        nic = etree.fromstring(domain.nic(DEVICE))
        etree.SubElement(nic, "alias", name="net2")
        live = f"<domain><devices>{etree.tostring(nic, encoding='unicode')}</devices></domain>"
        self.assertEqual("net2", domain.nic_alias(live, DEVICE.mac))
        self.assertIsNone(domain.nic_alias(live, ARTICLE.devices[0].mac))

    def test_a_nic_is_rendered_where_it_was(self) -> None:
        nic = etree.fromstring(domain.nic(DEVICE))
        address = nic.find("address")
        assert address is not None
        self.assertEqual(DEVICE.parent, int(address.get("bus", ""), 16))

    def test_a_host_that_there_is_not(self) -> None:
        for action in (plugging.plug, plugging.unplug):
            with self.assertRaises(InputError):
                action("no-such-host", PciAddress(1, 0), silent)
