# SPDX-License-Identifier: Apache-2.0
"""Domain XML against libvirt's own schema and its test driver."""

import unittest
from pathlib import Path

import libvirt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.unit.strategies import hosts
from tests.unit.test_domain import GOLDEN, SHARES, UPLINK, xml_of
from tests.unit.test_models import layout_of
from vhost_tempest_plugin.hypervisor.domain import parse
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog, devices
from vhost_tempest_plugin.topology.layout import lay_out

_SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")


class SchemaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.schema = etree.RelaxNG(etree.parse(_SCHEMA))

    def test_goldens(self) -> None:
        goldens = sorted(GOLDEN.glob("*.xml"))
        self.assertTrue(goldens)
        for golden in goldens:
            with self.subTest(golden.name):
                self.schema.assertValid(etree.parse(golden))

    def test_it_can_refuse(self) -> None:
        xml = xml_of(catalog.find("small")).replace("<apic/>", "<apix/>")
        self.assertFalse(self.schema.validate(etree.fromstring(xml)))

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(hosts(), st.sampled_from(Accelerator))
    def test_every_host(self, host, accelerator) -> None:
        self.schema.assertValid(etree.fromstring(xml_of(lay_out(host), accelerator)))


class TestDriverTest(unittest.TestCase):
    """libvirt reads our XML and gives its own back."""

    def setUp(self) -> None:
        self.connection = libvirt.open("test:///default")
        self.addCleanup(self.connection.close)

    def test_reads_back_equal(self) -> None:
        layouts = {name: catalog.find(name) for name in catalog.names()}
        layouts |= {model.name: layout_of(model) for model in devices.MODELS.values()}
        for name, layout in layouts.items():
            for accelerator in Accelerator:
                with self.subTest(name, accelerator=accelerator):
                    # The driver pretends to be one hypervisor, of the type "test".
                    xml = xml_of(layout, accelerator, SHARES, UPLINK).replace(
                        f'<domain type="{accelerator.domain_type}"', '<domain type="test"'
                    )
                    domain = self.connection.defineXML(xml)
                    try:
                        returned = domain.XMLDesc()
                    finally:
                        domain.undefine()
                    self.assertIn("KiB", returned)
                    self.assertEqual(len(SHARES), returned.count("<readonly/>"))
                    self.assertEqual(layout, parse(returned))
