# SPDX-License-Identifier: Apache-2.0
import dataclasses
import unittest

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.topology import catalog, requirements
from vhost_tempest_plugin.topology.model import IommuModel
from vhost_tempest_plugin.topology.requirements import Versions

DEBIAN_12 = Versions((7, 2), (9, 0))
BACKPORTS = Versions((10, 0), (11, 3))
UBUNTU_2404 = Versions((8, 2), (10, 0))


class CapabilityTest(unittest.TestCase):
    def test_igb_where_there_is_none_is_refused_with_all_numbers(self) -> None:
        with self.assertRaisesRegex(
            LocalError,
            r"the device igb needs QEMU 8\.0, libvirt 9\.3, and here are QEMU 7\.2, libvirt 9\.0; "
            r".*backports.*or use e1000e",
        ):
            requirements.validate(catalog.find("sriov"), DEBIAN_12)

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
                    requirements.validate(catalog.find("sriov"), versions)
                else:
                    with self.assertRaises(LocalError):
                        requirements.validate(catalog.find("sriov"), versions)

    def test_the_article_runs_on_debian_12_as_it_is(self) -> None:
        requirements.validate(catalog.find("article"), DEBIAN_12)

    def test_the_articles_floors(self) -> None:
        host = catalog.find("article")
        bare = dataclasses.replace(
            host, iommu=dataclasses.replace(host.iommu, model=IommuModel.NONE)
        )
        requirements.validate(bare, Versions((2, 7), (2, 3)))
        for versions in (Versions((2, 6), (2, 3)), Versions((2, 7), (2, 2))):
            with self.assertRaisesRegex(LocalError, r"needs QEMU 2\.7, libvirt 2\.3"):
                requirements.validate(bare, versions)

    def test_interrupt_remapping_is_done_without(self) -> None:
        host = catalog.find("article")
        iommu = dataclasses.replace(host.iommu, caching_mode=False, address_width_bits=39)
        old = Versions((2, 7), (3, 3))
        plain = dataclasses.replace(host, iommu=iommu)
        requirements.validate(plain, old)
        lacking = [
            need.feature for need in requirements.needs(plain) if not old.reaches(need.floor)
        ]
        self.assertEqual(["interrupt remapping"], lacking)

    def test_what_the_iommu_needs(self) -> None:
        host = catalog.find("article")
        for versions, feature in (
            (Versions((2, 8), (11, 0)), "caching mode"),
            (Versions((10, 0), (6, 4)), "address width"),
        ):
            with self.subTest(feature), self.assertRaisesRegex(LocalError, feature):
                requirements.validate(host, versions)
