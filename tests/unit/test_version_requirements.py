# SPDX-License-Identifier: Apache-2.0
import dataclasses
import unittest

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.topology import catalog, requirements
from vhost_tempest_plugin.topology.requirements import Versions

DEBIAN_12 = Versions((7, 2), (9, 0))
BACKPORTS = Versions((10, 0), (11, 3))
UBUNTU_2404 = Versions((8, 2), (10, 0))


class VersionRequirementTest(unittest.TestCase):
    def test_igb_where_there_is_none_is_refused_with_all_numbers(self) -> None:
        with self.assertRaisesRegex(
            LocalError,
            r"the device igb needs QEMU 8\.0, libvirt 9\.3, and here are QEMU 7\.2, libvirt 9\.0; "
            r".*backports.*or use .*e1000e",
        ):
            requirements.validate(catalog.find("sriov").host, DEBIAN_12)

    def test_each_floor_counts_by_itself(self) -> None:
        for versions, enough in (
            (Versions((8, 0), (9, 3)), True),
            (Versions((7, 9), (99, 0)), False),
            (Versions((99, 0), (9, 2)), False),
            (UBUNTU_2404, True),
            (BACKPORTS, True),
        ):
            with self.subTest(str(versions)):
                if enough:
                    requirements.validate(catalog.find("sriov").host, versions)
                else:
                    with self.assertRaises(LocalError):
                        requirements.validate(catalog.find("sriov").host, versions)

    def test_the_article_runs_on_debian_12_as_it_is(self) -> None:
        requirements.validate(catalog.find("article").host, DEBIAN_12)

    def test_what_is_older_than_debian_12_is_refused(self) -> None:
        for versions in (Versions((7, 1), (9, 0)), Versions((7, 2), (8, 9))):
            with self.assertRaisesRegex(LocalError, r"host needs QEMU 7\.2, libvirt 9\.0"):
                requirements.validate(catalog.find("article").host, versions)

    def test_x2apic_is_where_qemu_emulates_it_and_interrupts_are_remapped(self) -> None:
        host = catalog.find("article").host
        self.assertTrue(requirements.has_x2apic(host, BACKPORTS))
        self.assertFalse(requirements.has_x2apic(host, UBUNTU_2404))
        without = dataclasses.replace(host.iommu, interrupt_remapping=False)
        self.assertFalse(
            requirements.has_x2apic(dataclasses.replace(host, iommu=without), BACKPORTS)
        )
