# SPDX-License-Identifier: Apache-2.0
"""What the trial makes of views that agree, and of each that does not."""

import unittest
from dataclasses import replace
from ipaddress import IPv4Address

from tests.unit import lab_settings
from vhost_tempest_plugin import novaconf
from vhost_tempest_plugin.domain import GuestDomain
from vhost_tempest_plugin.finding import Verdict
from vhost_tempest_plugin.guest import GuestDevice, GuestReport, Lease
from vhost_tempest_plugin.lab import trial
from vhost_tempest_plugin.pci import PciAddress, PciId

HOST = lab_settings.settings().hosts[0]
ROW = next(row for row in novaconf.expected_devices(HOST.layout) if row.numa_node == 1)
CPU = min(next(node.cpus for node in HOST.layout.host.nodes if node.id == 1))
IN_GUEST = PciAddress(5, 0)
REPORT = GuestReport(
    kernel="6.1.0",
    cpus=(),
    nodes=(),
    devices=(GuestDevice(IN_GUEST, PciId(0x8086, 0x10D3), 0x020000, None, "e1000e"),),
    leases=(Lease(IN_GUEST, "02:00:00:00:00:01", IPv4Address(0), IPv4Address(0)),),
    failures=(),
    complete=True,
)
AGREED = trial.Views(
    rows=(ROW,),
    libvirt=GuestDomain((ROW.address,), {0: frozenset({1})}, {0: frozenset({CPU})}, {}),
    drivers={ROW.address: ("vfio-pci", 1)},
    held={"VCPU": 1, "MEMORY_MB": 128},
    report=REPORT,
)
ELSEWHERE = PciAddress(0xB5, 0)


class JudgeTest(unittest.TestCase):
    def failed(self, views: trial.Views, *, free: bool = True) -> set[str]:
        findings = trial.judge(HOST, views, free)
        for finding in findings:
            self.assertEqual(finding.verdict is Verdict.FAILED, bool(finding.remedy))
        return {finding.check for finding in findings if finding.verdict is Verdict.FAILED}

    def test_views_that_agree(self) -> None:
        self.assertEqual(set(), self.failed(AGREED))

    def test_each_that_does_not(self) -> None:
        libvirt = AGREED.libvirt
        for name, views in {
            "nova": replace(AGREED, rows=(replace(ROW, numa_node=2),)),
            "libvirt: another device": replace(
                AGREED, libvirt=replace(libvirt, hostdevs=(ELSEWHERE,))
            ),
            "libvirt: memory elsewhere": replace(
                AGREED, libvirt=replace(libvirt, memory_nodes={0: frozenset({0})})
            ),
            "libvirt: CPUs elsewhere": replace(
                AGREED, libvirt=replace(libvirt, vcpu_cpus={0: frozenset({0})})
            ),
            "libvirt: CPUs anywhere": replace(AGREED, libvirt=replace(libvirt, vcpu_cpus={})),
            "sysfs: its own driver": replace(AGREED, drivers={ROW.address: ("e1000e", 1)}),
            "sysfs: another node": replace(AGREED, drivers={ROW.address: ("vfio-pci", 0)}),
            "placement": replace(AGREED, held={}),
            "guest": replace(AGREED, report=replace(REPORT, devices=())),
            "dhcp": replace(AGREED, report=replace(REPORT, leases=())),
        }.items():
            with self.subTest(name):
                self.assertIn(name.partition(":")[0], self.failed(views))

    def test_no_device_at_all(self) -> None:
        self.assertIn("nova", self.failed(replace(AGREED, rows=())))

    def test_one_that_is_not_given_back(self) -> None:
        self.assertEqual({"release"}, self.failed(AGREED, free=False))
