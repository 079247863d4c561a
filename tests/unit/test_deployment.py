# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.cloud.deployment import driver as deployment
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.errors import InputError


class LoadTest(unittest.TestCase):
    def test_a_lab(self) -> None:
        driver = deployment.load("lab", "mine", ("mine-0",))
        self.assertEqual(("mine", ("mine-0",)), (driver.name, driver.hosts))
        self.assertEqual(frozenset(DriverCapability), driver.capabilities)

    def test_what_there_is_not(self) -> None:
        with self.assertRaisesRegex(InputError, "'nothing'.*known: .*lab"):
            deployment.load("nothing", "", ())

    def test_a_lab_that_there_is_not(self) -> None:
        driver = deployment.load("lab", "no-such-lab", ("no-such-lab-0",))
        for attempt in (
            lambda: driver.restart("nova-scheduler"),
            lambda: driver.stop("nova-conductor"),
            lambda: driver.start("nova-compute"),
            lambda: driver.reboot("no-such-lab-0"),
            lambda: driver.log("nova-compute", None, 10),
            lambda: driver.log("nova-nothing", None, 10),
            lambda: driver.configured("nova-compute", {"pci.alias": "{}"}).__enter__(),
        ):
            with self.assertRaises(InputError):
                attempt()
