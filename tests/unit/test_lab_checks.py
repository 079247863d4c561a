# SPDX-License-Identifier: Apache-2.0
"""The checks of a lab on answers that are right, and on answers that are wrong."""

import json
import unittest
from dataclasses import replace
from typing import cast
from unittest import mock

from tests.unit import lab_settings
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.client.resources import CloudError, ComputeService
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override, Settings
from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Finding
from vhost_tempest_plugin.lab.checks.base import LAB, LabSubject
from vhost_tempest_plugin.lab.hosts import readiness
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import PciDeviceRow
from vhost_tempest_plugin.nova.readers import NovaDatabase
from vhost_tempest_plugin.nova.views import Inventory, NovaView, Provider, TrackedDevice

SETTINGS = lab_settings.settings(lab_settings.host("small"))
[HOST] = SETTINGS.hosts
SERVICES = (
    ComputeService("nova-compute", "lab-0", is_up=True, is_enabled=True),
    ComputeService("nova-conductor", "lab", is_up=True, is_enabled=True),
    ComputeService("nova-scheduler", "lab", is_up=True, is_enabled=True),
)
CPUS = pci_devices.cpu_sets(HOST.layout)
ROOT = Provider(
    uuid="1",
    name="lab-0",
    parent=None,
    inventories={
        "VCPU": Inventory(len(CPUS.shared), 0, 0),
        "PCPU": Inventory(len(CPUS.dedicated), 0, 0),
        "MEMORY_MB": Inventory(3900, 256, 0),
        "DISK_GB": Inventory(15, 0, 0),
    },
    traits=frozenset(),
)
ROWS = dict.fromkeys(pci_devices.expected_devices(HOST.layout), "available")


class FakeCloud:
    """Answers as the APIs of a lab would."""

    def __init__(
        self,
        services: tuple[ComputeService, ...] = SERVICES,
        providers: tuple[Provider, ...] = (ROOT,),
        broken: str = "",
    ) -> None:
        self.services = lambda: services
        self.placement = mock.Mock()
        self.placement.providers.return_value = providers
        self.flavors = self.images = self.networks = dict
        if broken:
            setattr(self, broken, self._refuse)

    def _refuse(self) -> None:
        raise CloudError("neutron refused GET /v2.0/networks: HTTP 500; see 'vhost lab logs'", 500)


class LabChecksTest(unittest.TestCase):
    def finding(
        self, name: str, cloud: FakeCloud | None = None, settings: Settings = SETTINGS
    ) -> Finding:
        subject = LabSubject(settings, cast(Cloud, cloud or FakeCloud()))
        [finding] = LAB.run_all(subject, [name])
        return finding

    @staticmethod
    def having(*options: tuple[str, str, str]) -> Settings:
        """The lab with options of nova-compute that were set by hand."""
        overrides = (Override(Service.NOVA_COMPUTE, *option) for option in options)
        return replace(SETTINGS, overrides=tuple(overrides))

    @staticmethod
    def children() -> list[Provider]:
        """The providers of all NICs."""
        return [
            Provider(
                str(row.address),
                f"lab-0_{str(row.address).upper()}",
                ROOT.uuid,
                {f"CUSTOM_PCI_{row.vendor_id}_{row.product_id}".upper(): Inventory(1, 0, 0)},
                frozenset(),
            )
            for row in ROWS
        ]

    def assert_failed(self, finding: Finding, observed: str) -> None:
        self.assertEqual(CheckVerdict.FAILED, finding.verdict, finding)
        self.assertIn(observed, finding.observed)
        self.assertTrue(finding.hint)

    def test_all_that_are_registered_are_ordered(self) -> None:
        self.assertEqual(list(LAB.order), list(LAB.load()))
        for name, check in LAB.load().items():
            self.assertEqual(name, check.name)

    def test_apis(self) -> None:
        self.assertEqual(CheckVerdict.PASSED, self.finding("apis").verdict)
        self.assert_failed(self.finding("apis", FakeCloud(broken="networks")), "HTTP 500")

    def test_compute_service(self) -> None:
        self.assertEqual(CheckVerdict.PASSED, self.finding("compute-service").verdict)
        first, *others = SERVICES
        for services, observed in (
            ((replace(first, is_up=False), *others), "down, enabled"),
            ((replace(first, is_enabled=False), *others), "up, disabled"),
            (tuple(others), "nothing"),
        ):
            with self.subTest(observed):
                self.assert_failed(
                    self.finding("compute-service", FakeCloud(services=services)), observed
                )

    def test_placement(self) -> None:
        self.assertEqual(CheckVerdict.PASSED, self.finding("placement").verdict)
        inventories = ROOT.inventories
        for changed, observed in (
            ({"VCPU": Inventory(8, 0, 0)}, "lab-0 VCPU: 8"),
            ({"MEMORY_MB": Inventory(2000, 0, 0)}, "2000 of 4096 MiB"),
            ({"MEMORY_MB": Inventory(8192, 0, 0)}, "8192 of 4096 MiB"),
        ):
            with self.subTest(observed):
                provider = replace(ROOT, inventories={**inventories, **changed})
                found = self.finding("placement", FakeCloud(providers=(provider,)))
                self.assert_failed(found, observed)
        self.assert_failed(self.finding("placement", FakeCloud(providers=())), "nothing")

    def test_placement_with_a_provider_for_each_nic(self) -> None:
        settings = self.having(("pci", "report_in_placement", "true"))
        children = self.children()
        found = self.finding("placement", FakeCloud(providers=(ROOT, *children)), settings)
        self.assertEqual(CheckVerdict.PASSED, found.verdict, found)
        found = self.finding("placement", FakeCloud(providers=(ROOT, *children[1:])), settings)
        self.assert_failed(found, "nothing")

    def test_placement_by_the_options_in_force(self) -> None:
        settings = self.having(
            ("compute", "cpu_shared_set", "0-2,^1"),
            ("compute", "cpu_dedicated_set", "3"),
            ("libvirt", "file_backed_memory", "8192"),
            ("pci", "report_in_placement", "True"),
            ("pci", "device_spec", json.dumps({"address": str(next(iter(ROWS)).address)})),
        )
        inventories = {
            "VCPU": Inventory(2, 0, 0),
            "PCPU": Inventory(1, 0, 0),
            "MEMORY_MB": Inventory(8192, 0, 0),
        }
        first, *others = self.children()
        root = replace(ROOT, inventories=inventories)
        found = self.finding("placement", FakeCloud(providers=(root, first)), settings)
        self.assertEqual(CheckVerdict.PASSED, found.verdict, found)
        found = self.finding("placement", FakeCloud(providers=(ROOT, first)), settings)
        self.assert_failed(found, f"lab-0 VCPU, lab-0 PCPU: {len(CPUS.shared)}")
        found = self.finding("placement", FakeCloud(providers=(root, first, *others)), settings)
        self.assert_failed(found, others[0].name)

    def test_a_provider_of_a_host_that_is_gone(self) -> None:
        old = replace(ROOT, uuid="2", name="old")
        self.assert_failed(
            self.finding("placement", FakeCloud(providers=(ROOT, old))), "old: a host"
        )

    def test_options_whose_outcome_is_not_known(self) -> None:
        settings = self.having(("pci", "device_spec", '{"devname": "eth1"}'))
        for name in ("placement", "pci-devices"):
            found = self.finding(name, settings=settings)
            self.assertEqual(CheckVerdict.NOT_APPLICABLE, found.verdict, found)
            self.assertIn("network interface 'eth1'", found.expected)
        settings = self.having(("pci", "device_spec", "{"))
        for name in ("placement", "pci-devices"):
            found = self.finding(name, settings=settings)
            self.assertEqual(CheckVerdict.ERROR, found.verdict, found)
            self.assertIn("'vhost lab config show nova-compute --name lab", found.hint)

    def test_host_mapping(self) -> None:
        for mapped, verdict in ((True, CheckVerdict.PASSED), (False, CheckVerdict.FAILED)):
            with mock.patch.object(readiness, "is_mapped", return_value=mapped):
                self.assertEqual(verdict, self.finding("host-mapping").verdict)

    def test_pci_devices(self) -> None:
        first = next(iter(ROWS))
        for rows, observed in (
            (ROWS, ""),
            ({row: status for row, status in ROWS.items() if row != first}, "nothing"),
            ({**ROWS, first: "removed"}, "removed"),
            (
                {replace(row, numa_node=2) if row == first else row: s for row, s in ROWS.items()},
                "node 2",
            ),
        ):
            with (
                self.subTest(observed),
                mock.patch.object(NovaDatabase, "view", return_value=_view(rows)),
            ):
                finding = self.finding("pci-devices")
                if observed:
                    self.assert_failed(finding, observed)
                else:
                    self.assertEqual(CheckVerdict.PASSED, finding.verdict, finding)

    def test_pci_devices_by_the_options_in_force(self) -> None:
        first, second, *_ = ROWS
        settings = self.having(("pci", "device_spec", json.dumps({"address": str(first.address)})))
        for rows, observed in (
            ({first: "available"}, ""),
            ({first: "available", second: "available"}, str(second.address)),
        ):
            with mock.patch.object(NovaDatabase, "view", return_value=_view(rows)):
                finding = self.finding("pci-devices", settings=settings)
            if observed:
                self.assert_failed(finding, observed)
            else:
                self.assertEqual(CheckVerdict.PASSED, finding.verdict, finding)


def _view(rows: dict[PciDeviceRow, str]) -> NovaView:
    devices = tuple(TrackedDevice(row, status) for row, status in rows.items())
    return NovaView("uuid", devices, {})
