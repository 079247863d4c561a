# SPDX-License-Identifier: Apache-2.0
"""What the trial makes of views that agree, and of each that does not."""

import json
import unittest
from dataclasses import replace
from ipaddress import IPv4Address

from tests.unit import lab_settings, server_views
from tests.unit.server_views import GUEST, ROW, VIEWS
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override
from vhost_tempest_plugin.host.checks.finding import CheckVerdict
from vhost_tempest_plugin.host.nested_guest import GuestDevice, GuestReport, Lease
from vhost_tempest_plugin.lab import smoke_guest
from vhost_tempest_plugin.lab.hosts import options
from vhost_tempest_plugin.nova.views import Disagreement, ServerViews, TrackedDevice, View
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

IN_GUEST = PciAddress(5, 0)
REPORT = GuestReport(
    kernel="6.1.0",
    cpus=(),
    nodes=server_views.REPORT_NODES,
    devices=(GuestDevice(IN_GUEST, PciId(0x8086, 0x10D3), 0x020000, None, "e1000e"),),
    leases=(Lease(IN_GUEST, "02:00:00:00:00:01", IPv4Address(0), IPv4Address(0)),),
    failures=(),
    complete=True,
)
AGREED = replace(VIEWS, report=REPORT)


def override(section: str, option: str, cpus: frozenset[int]) -> Override:
    return Override(Service.NOVA_COMPUTE, section, option, ",".join(map(str, sorted(cpus))))


def cpus_of_node() -> frozenset[int]:
    """All of the node that the guest is on."""
    nodes = server_views.HOST.layout.host.nodes
    return next(frozenset(node.cpus) for node in nodes if node.id == ROW.numa_node)


class JudgeTest(unittest.TestCase):
    def failed(
        self, views: ServerViews, *held: Disagreement, overrides: tuple[Override, ...] = ()
    ) -> set[str]:
        settings = replace(lab_settings.settings(), overrides=overrides)
        in_force = options.in_force(settings, server_views.HOST)
        findings = smoke_guest.judge(server_views.HOST, in_force, views, held, "see the logs")
        for finding in findings:
            self.assertEqual(finding.verdict is CheckVerdict.FAILED, bool(finding.hint))
        return {finding.check for finding in findings if finding.verdict is CheckVerdict.FAILED}

    def test_views_that_agree(self) -> None:
        self.assertEqual(set(), self.failed(AGREED))

    def test_each_that_does_not(self) -> None:
        elsewhere = TrackedDevice(replace(ROW, numa_node=2), "allocated", GUEST)
        for name, views in {
            "nova": replace(AGREED, nova=(elsewhere,)),
            "affinity": replace(AGREED, domain=server_views.domain(node=0)),
            "view libvirt": replace(AGREED, domain=None),
            "view sysfs": replace(AGREED, sysfs={}),
            "view placement": replace(AGREED, holdings=()),
            "view guest": replace(AGREED, report=replace(REPORT, devices=())),
            "dhcp": replace(AGREED, report=replace(REPORT, leases=())),
        }.items():
            with self.subTest(name):
                self.assertIn(name, self.failed(views))

    def test_no_device_at_all(self) -> None:
        self.assertIn("nova", self.failed(replace(AGREED, nova=())))

    def test_options_that_were_set_by_hand(self) -> None:
        """All views agree that the guest is on CPUs which only those options give it."""
        dedicated = cpus_of_node() & server_views.DEDICATED
        domain = replace(
            server_views.domain(),
            vcpu_cpus={0: dedicated},
            emulator_cpus=dedicated,
            iothread_cpus={1: dedicated},
        )
        views = replace(AGREED, domain=domain)
        self.assertIn("view libvirt", self.failed(views))
        swapped = (
            override("compute", "cpu_shared_set", server_views.DEDICATED),
            override("compute", "cpu_dedicated_set", server_views.SHARED),
        )
        self.assertEqual(set(), self.failed(views, overrides=swapped))

    def test_a_device_that_the_options_in_force_do_not_name(self) -> None:
        other = json.dumps({"address": "0000:ff:1f.7"})
        named = json.dumps({"address": str(ROW.address)})
        for spec, failed in ((other, {"nova"}), (named, set())):
            overrides = (Override(Service.NOVA_COMPUTE, "pci", "device_spec", spec),)
            self.assertEqual(failed, self.failed(AGREED, overrides=overrides))

    def test_one_that_is_not_given_back(self) -> None:
        held = Disagreement(str(ROW.address), {View.NOVA: f"allocated for {GUEST}"})
        self.assertEqual({"release"}, self.failed(AGREED, held))
