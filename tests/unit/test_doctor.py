# SPDX-License-Identifier: Apache-2.0
import dataclasses
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.host import acceleration, distribution
from vhost_tempest_plugin.host.distribution import Distribution
from vhost_tempest_plugin.host.doctor import doctor, packages
from vhost_tempest_plugin.host.doctor.doctor import (
    Diagnosis,
    DoctorVerdict,
    Facts,
    ResourceRequirement,
    judge,
)
from vhost_tempest_plugin.host.doctor.packages import DPKG, TOOLS
from vhost_tempest_plugin.host.image.user_namespace import Refusal
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.requirements import Versions

DEBIAN = Distribution("debian")
FEDORA = Distribution("fedora")
SOUND = Facts(
    distribution=DEBIAN,
    versions=Versions((10, 0), (11, 3)),
    trouble="",
    absent=frozenset(),
    acceleration=acceleration.AccelerationVerdict(
        Accelerator.KVM, "a guest ran on /dev/kvm", nested=True
    ),
    memory_mib=32000,
    memory_free_mib=30000,
    disk_free_mib=100_000,
    disk=Path("/home/user"),
    namespace_refusal=None,
)
REFUSAL = Refusal("the kernel refuses", "ask it")
TOOL = {tool.name: tool for tool in TOOLS}


class JudgeTest(unittest.TestCase):
    def judge(self, topology: str = "article", **changes: object) -> dict[str, Diagnosis]:
        return self.judged(ResourceRequirement(catalog.find(topology)), **changes)

    def judged(self, need: ResourceRequirement, **changes: object) -> dict[str, Diagnosis]:
        findings = judge(dataclasses.replace(SOUND, **changes), need)
        self.assertEqual(len(findings), len({finding.name for finding in findings}))
        return {finding.name: finding for finding in findings}

    def bad(self, **changes: object) -> dict[str, Diagnosis]:
        return {
            name: finding
            for name, finding in self.judge(**changes).items()
            if finding.verdict is not DoctorVerdict.OK
        }

    def test_a_sound_machine(self) -> None:
        for topology in ("article", "small", "sriov", "wide"):
            with self.subTest(topology):
                self.assertEqual({}, self.bad(topology=topology))

    def test_whatever_is_wrong_has_a_remedy(self) -> None:
        for finding in self.judge(
            versions=None,
            trouble="libvirt does not answer",
            absent=frozenset(TOOLS),
            acceleration=None,
            memory_mib=1,
            memory_free_mib=1,
            disk_free_mib=1,
            namespace_refusal=REFUSAL,
        ).values():
            with self.subTest(finding.name):
                if finding.verdict is not DoctorVerdict.OK:
                    self.assertTrue(finding.hint)

    def test_no_emulator(self) -> None:
        bad = self.bad(versions=None, trouble="no driver", acceleration=None)
        self.assertEqual({"an emulated NUMA host", "accelerator"}, set(bad))
        base = bad["an emulated NUMA host"]
        self.assertEqual((DoctorVerdict.MISSING, "no driver"), (base.verdict, base.observed))
        self.assertEqual(
            "apt-get install libvirt-daemon-driver-qemu qemu-system-x86 qemu-utils", base.hint
        )

    def test_too_old_for_igb(self) -> None:
        bad = self.bad(topology="sriov", versions=Versions((7, 2), (9, 0)))
        self.assertEqual(["the device igb"], list(bad))
        finding = bad["the device igb"]
        self.assertEqual(DoctorVerdict.MISSING, finding.verdict)
        self.assertEqual("QEMU 7.2, libvirt 9.0", finding.observed)
        self.assertEqual("QEMU 8.0, libvirt 9.3", finding.needed)
        self.assertIn("backports", finding.hint)

    def test_emulation_is_a_warning_with_its_reason(self) -> None:
        verdict = acceleration.AccelerationVerdict(
            Accelerator.TCG, "there is no /dev/kvm", "modprobe it"
        )
        finding = self.bad(acceleration=verdict)["accelerator"]
        self.assertEqual(DoctorVerdict.WARNING, finding.verdict)
        self.assertEqual("tcg: there is no /dev/kvm", finding.observed)
        self.assertEqual("modprobe it", finding.hint)

    def test_nested_off_is_a_warning(self) -> None:
        verdict = acceleration.AccelerationVerdict(Accelerator.KVM, "nested is off", "nested=1")
        self.assertEqual(
            DoctorVerdict.WARNING, self.bad(acceleration=verdict)["accelerator"].verdict
        )

    def test_a_missing_program_is_named_by_its_package(self) -> None:
        for system, hint in (
            (DEBIAN, "apt-get install libelf-dev"),
            (FEDORA, "dnf install elfutils-libelf-devel"),
            (Distribution("arch"), "install what Debian calls libelf-dev"),
        ):
            with self.subTest(hint):
                header = TOOL["/usr/include/libelf.h"]
                bad = self.bad(distribution=system, absent=frozenset({header}))
                self.assertEqual(hint, bad[header.name].hint)
                self.assertEqual(DoctorVerdict.MISSING, bad[header.name].verdict)

    def test_a_package_that_a_distribution_lacks_is_called_by_debians_name(self) -> None:
        source = TOOL["/usr/src/linux-source-*.tar.*"]
        bad = self.bad(distribution=FEDORA, absent=frozenset({source}))
        self.assertEqual("install what Debian calls linux-source", bad[source.name].hint)

    def test_pictures_and_the_lab_are_not_essential(self) -> None:
        names = ("dot", "mariadbd", "rabbitmq-server")
        bad = self.bad(absent=frozenset(TOOL[name] for name in names))
        self.assertEqual(
            dict.fromkeys(names, DoctorVerdict.WARNING),
            {name: f.verdict for name, f in bad.items()},
        )
        self.assertIn("rabbitmq-server", bad["rabbitmq-server"].hint)

    def test_ovmf_only_for_many_nics(self) -> None:
        ovmf = next(tool for tool in TOOLS if tool.efi)
        self.assertEqual({}, self.bad(absent=frozenset({ovmf})))
        bad = self.bad(topology="wide", absent=frozenset({ovmf}))
        self.assertEqual(DoctorVerdict.MISSING, bad[ovmf.name].verdict)

    def test_user_namespaces_refused(self) -> None:
        finding = self.bad(namespace_refusal=REFUSAL)["user namespaces"]
        self.assertEqual(DoctorVerdict.MISSING, finding.verdict)
        self.assertEqual((REFUSAL.fact, REFUSAL.hint), (finding.observed, finding.hint))

    def test_memory(self) -> None:
        needed_mib = 8192 + doctor.QEMU_MIB
        for total_mib, free_mib, verdict in (
            (needed_mib, needed_mib, DoctorVerdict.OK),
            (needed_mib, needed_mib - 1, DoctorVerdict.WARNING),
            (needed_mib - 1, needed_mib - 1, DoctorVerdict.MISSING),
        ):
            with self.subTest(verdict):
                finding = self.judge(memory_mib=total_mib, memory_free_mib=free_mib)["memory"]
                self.assertEqual(verdict, finding.verdict)
                self.assertIn(f"{needed_mib} MiB", finding.needed)
                self.assertIn(f"{free_mib} MiB", finding.observed)

    def test_disk(self) -> None:
        running_mib = doctor.IMAGES_MIB + doctor.OVERLAY_MIB
        for free_mib, verdict in (
            (running_mib + 8192, DoctorVerdict.OK),
            (running_mib + 8191, DoctorVerdict.WARNING),
            (running_mib, DoctorVerdict.WARNING),
            (running_mib - 1, DoctorVerdict.MISSING),
        ):
            with self.subTest(free_mib=free_mib):
                finding = self.judge(disk_free_mib=free_mib)["disk"]
                self.assertEqual(verdict, finding.verdict)
                self.assertIn(f"{free_mib} MiB free in /home/user", finding.observed)

    def test_a_lab_with_two_hosts(self) -> None:
        need = ResourceRequirement(catalog.find("small"), count=2, lab=True)
        memory_mib = 2 * (4096 + doctor.QEMU_MIB) + doctor.LAB_MEMORY_MIB
        running_mib = doctor.IMAGES_MIB + 2 * doctor.OVERLAY_MIB
        running_mib += doctor.LAB_CACHE_MIB + doctor.LAB_DISK_MIB
        found = self.judged(need, memory_mib=memory_mib - 1, disk_free_mib=running_mib - 1)
        self.assertIn(f"{memory_mib} MiB", found["memory"].needed)
        self.assertEqual(DoctorVerdict.MISSING, found["memory"].verdict)
        self.assertIn(f"{running_mib + 8192} MiB", found["disk"].needed)
        self.assertEqual(DoctorVerdict.MISSING, found["disk"].verdict)

    def test_memory_that_a_lab_would_be_refused(self) -> None:
        need = ResourceRequirement(catalog.find("small"), lab=True)
        found = self.judged(need, memory_free_mib=need.memory_mib - 1)
        self.assertEqual(DoctorVerdict.MISSING, found["memory"].verdict)

    def test_programs_that_only_a_lab_needs(self) -> None:
        absent = frozenset(packages.LAB)
        for lab, verdict in ((False, DoctorVerdict.WARNING), (True, DoctorVerdict.MISSING)):
            with self.subTest(lab=lab):
                found = self.judged(
                    ResourceRequirement(catalog.find("small"), lab=lab), absent=absent
                )
                self.assertEqual(verdict, found["mariadbd"].verdict)
                self.assertEqual("apt-get install rabbitmq-server", found["rabbitmq-server"].hint)


class DistributionTest(unittest.TestCase):
    def test_families(self) -> None:
        for fields, hint in (
            ({"ID": "debian", "VERSION_ID": "12"}, "apt-get install bc"),
            ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "apt-get install bc"),
            ({"ID": "centos", "ID_LIKE": "rhel fedora"}, "dnf install bc"),
            ({}, "install what Debian calls bc"),
        ):
            with self.subTest(fields):
                self.assertEqual(hint, packages.install(Distribution.of(fields), [TOOL["bc"]]))

    def test_a_machine_without_an_os_release_file(self) -> None:
        with mock.patch("platform.freedesktop_os_release", side_effect=FileNotFoundError):
            self.assertEqual(Distribution(), distribution.here())

    def test_every_tool_has_a_package(self) -> None:
        for tool in TOOLS:
            self.assertTrue(tool.packages(DPKG), tool.name)

    def test_a_tool_is_found_or_not(self) -> None:
        for name, expected in (
            ("sh", True),
            ("no-such-program", False),
            ("/etc/pass*", True),
            ("/etc/no-such-*", False),
        ):
            with self.subTest(name):
                self.assertEqual(expected, packages.Tool(name, "a").is_here())
