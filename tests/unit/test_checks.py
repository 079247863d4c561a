# SPDX-License-Identifier: Apache-2.0
import dataclasses
import subprocess
import unittest
from typing import cast
from unittest import mock

from tests.unit.recorded_host import (
    HOST,
    NO_IOMMU,
    NO_REMAPPING,
    recorded,
    subject,
)
from vhost_tempest_plugin.errors import HostError, InputError, LocalError
from vhost_tempest_plugin.host import kvm_probe
from vhost_tempest_plugin.host.checks import registry
from vhost_tempest_plugin.host.checks.base import Check, Subject, differences, words
from vhost_tempest_plugin.host.checks.default_network_off import DefaultNetworkOff
from vhost_tempest_plugin.host.checks.device_affinity import DeviceAffinity
from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Comparison, Finding
from vhost_tempest_plugin.host.checks.hugepages import Hugepages
from vhost_tempest_plugin.host.checks.interrupt_remapping import InterruptRemapping
from vhost_tempest_plugin.host.checks.iommu_active import IommuActive
from vhost_tempest_plugin.host.checks.iommu_groups import IommuGroups
from vhost_tempest_plugin.host.checks.kvm import Kvm
from vhost_tempest_plugin.host.checks.nodedev import Nodedev
from vhost_tempest_plugin.host.checks.numa_topology import NumaTopology
from vhost_tempest_plugin.host.checks.pci_topology import PciTopology
from vhost_tempest_plugin.host.checks.sriov import Sriov
from vhost_tempest_plugin.host.checks.vfio import Vfio
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology.model import Host

PLAIN = dataclasses.replace(
    HOST,
    nodes=tuple(
        dataclasses.replace(node, huge_pages=(), devices=(), bus=None) for node in HOST.nodes
    ),
    devices=(),
    iommu=NO_IOMMU,
)
WITHOUT_REMAPPING = dataclasses.replace(HOST, iommu=NO_REMAPPING)


def changed(name: str, *pairs: tuple[str, str]) -> str:
    text = recorded(name)
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def without(name: str, *parts: str) -> str:
    lines = recorded(name).splitlines()
    kept = [line for line in lines if not any(part in line for part in parts)]
    assert len(kept) < len(lines)
    return "\n".join(kept)


class CheckTest(unittest.TestCase):
    def assert_failed(self, finding: Finding, expected: str, observed: str, hint: str) -> None:
        self.assertEqual(CheckVerdict.FAILED, finding.verdict, finding)
        self.assertIn(expected, finding.expected)
        self.assertIn(observed, finding.observed)
        self.assertIn(hint, finding.hint)

    def assert_not_applicable(self, check: Check, host: Host, sysfs: str, why: str) -> None:
        finding = check.run(subject(sysfs, host=host))
        self.assertEqual(CheckVerdict.NOT_APPLICABLE, finding.verdict, finding)
        self.assertIn(why, finding.expected)
        self.assertEqual("", finding.hint)


class EveryCheckTest(CheckTest):
    def test_the_recorded_host_passes(self) -> None:
        whole = subject()
        for check in (
            NumaTopology(),
            PciTopology(),
            DeviceAffinity(),
            IommuActive(),
            InterruptRemapping(),
            IommuGroups(),
            Nodedev(),
            Hugepages(),
            Vfio(),
            Sriov(),
            DefaultNetworkOff(),
        ):
            with self.subTest(check=check.name):
                finding = check.run(whole)
                self.assertEqual(CheckVerdict.PASSED, finding.verdict, finding)
                self.assertEqual((check.name, ""), (finding.check, finding.hint))
                self.assertTrue(finding.expected)
                self.assertTrue(finding.observed)

    def test_the_host_is_asked_once(self) -> None:
        whole = subject()
        for check in (NumaTopology(), PciTopology(), Nodedev(), DefaultNetworkOff()):
            check.run(whole)
        self.assertEqual(2, len(whole.connection.ran))  # type: ignore[attr-defined]


class NumaTopologyTest(CheckTest):
    def test_too_little_memory_on_a_node(self) -> None:
        blocks = [f"node1/memory{block}" for block in range(36, 40)]
        finding = NumaTopology().run(subject(without("sriov", *blocks)))
        self.assert_failed(
            finding, "node 1 memory: 1024 MiB", "node 1 memory: 512 MiB", "other memory"
        )
        self.assertNotIn("node 0", finding.observed)
        self.assertIn(Comparison("node 1 memory", "1024 MiB", "512 MiB"), finding.differences)
        self.assertEqual({"node 1"}, {each.item[:6] for each in finding.differences})
        self.assertGreater(len(finding.compared), len(finding.differences))

    def test_a_cpu_on_another_node(self) -> None:
        text = changed(
            "sriov",
            ("node/node0/cpulist:0-3", "node/node0/cpulist:0-2"),
            ("node/node1/cpulist:4-5", "node/node1/cpulist:3-5"),
        )
        finding = NumaTopology().run(subject(text))
        self.assert_failed(
            finding,
            "node 0 CPUs: 0-3",
            "node 0 CPUs: 0-2",
            "<cpu> in 'vhost render --host recorded'",
        )

    def test_distances_sockets_and_threads(self) -> None:
        for old, new, observed in (
            ("node2/distance:31 21 10", "node2/distance:20 21 10", "node 2 distances: 20 21 10"),
            ("cpu4/topology/physical_package_id:1", "cpu4/topology/physical_package_id:0", "0-4"),
            ("thread_siblings_list:6-7", "thread_siblings_list:6", "cores: 0-1 2-3 4-5 6"),
        ):
            with self.subTest(observed=observed):
                finding = NumaTopology().run(subject(changed("sriov", (old, new))))
                self.assert_failed(finding, "", observed, "another topology")

    def test_a_node_less(self) -> None:
        nodes = dataclasses.replace(
            HOST.nodes[2], id=3, distances=((0, 31), (1, 21), (2, 20), (3, 10)), devices=()
        )
        more = dataclasses.replace(
            HOST,
            cpus=dataclasses.replace(HOST.cpus, cores=3),
            nodes=(
                *(
                    dataclasses.replace(node, distances=(*node.distances, (3, 20)))
                    for node in HOST.nodes
                ),
                dataclasses.replace(nodes, cpus=frozenset(range(8, 12)), bus=None),
            ),
        )
        finding = NumaTopology().run(subject(host=more))
        self.assert_failed(finding, "nodes: 0-3", "nodes: 0-2", "another topology")
        self.assertIn("node 3 CPUs", finding.observed)

    def test_numa_switched_off(self) -> None:
        text = changed("sriov", ("intel_iommu=on", "numa=off"), ("distance:31", "distance:20"))
        finding = NumaTopology().run(subject(text))
        self.assert_failed(finding, "", "", "remove numa=off")

    def test_libvirt_alone_differs(self) -> None:
        text = changed("sriov-virsh", ("1031520", "1000000"))
        finding = NumaTopology().run(subject(virsh=text))
        self.assert_failed(finding, "cell 1 memory: 1031520 KiB", "1000000 KiB", "libvirtd")


class PciTopologyTest(CheckTest):
    def test_a_missing_root_port(self) -> None:
        finding = PciTopology().run(subject(without("sriov", "0000:c8:01.0", "0000:ca:00.0")))
        self.assert_failed(
            finding,
            "port 0000:c8:01.0: to bus ca",
            "port 0000:c8:01.0, NIC 0000:ca:00.0: nothing",
            "pcie-root-port",
        )

    def test_a_missing_nic(self) -> None:
        finding = PciTopology().run(subject(without("sriov", "0000:ca:00.0")))
        self.assert_failed(finding, "NIC 0000:ca:00.0: 8086:10d3", "nothing", "<interface>")

    def test_a_bus_on_another_node(self) -> None:
        text = changed("sriov", ("0000:b4:00.0/numa_node:0", "0000:b4:00.0/numa_node:1"))
        finding = PciTopology().run(subject(text))
        self.assert_failed(finding, "b4 node: node 0", "b4 node: node 1", "pcie-expander-bus")

    def test_a_missing_expander_bus(self) -> None:
        text = without("sriov", "0000:dc:", "0000:dd:", "pci0000:dc")
        finding = PciTopology().run(subject(text))
        self.assert_failed(finding, "bus dc", "nothing", "pcie-expander-bus")


class DeviceAffinityTest(CheckTest):
    def test_a_nic_on_the_wrong_node(self) -> None:
        text = changed("sriov", ("0000:ca:00.0/numa_node:1", "0000:ca:00.0/numa_node:2"))
        finding = DeviceAffinity().run(subject(text))
        self.assert_failed(
            finding, "0000:ca:00.0: node 1", "0000:ca:00.0: node 2", "another node's"
        )
        self.assertNotIn("c9", finding.observed)

    def test_a_nic_on_no_node(self) -> None:
        text = changed("sriov", ("0000:ca:00.0/numa_node:1", "0000:ca:00.0/numa_node:-1"))
        self.assert_failed(DeviceAffinity().run(subject(text)), "node 1", "no node", "lacks <node>")

    def test_a_missing_nic(self) -> None:
        finding = DeviceAffinity().run(subject(without("sriov", "0000:ca:00.0")))
        self.assert_failed(finding, "0000:ca:00.0: node 1", "nothing", "pci-topology")

    def test_no_nics(self) -> None:
        self.assert_not_applicable(
            DeviceAffinity(), PLAIN, without("noiommu", "/class:0x020000"), "no NICs"
        )


class IommuActiveTest(CheckTest):
    def test_the_misleading_message_and_no_device(self) -> None:
        finding = IommuActive().run(subject(recorded("noiommu")))
        self.assert_failed(finding, "Directed I/O", "only 'DMAR: IOMMU enabled'", "no IOMMU device")
        self.assertNotIn("command line", finding.hint)

    def test_switched_off(self) -> None:
        finding = IommuActive().run(subject(recorded("iommu-off")))
        self.assert_failed(finding, "", "the last is 'DMAR-IR", "take intel_iommu=off off")
        self.assertNotIn("no IOMMU device", finding.hint)

    def test_neither_device_nor_command_line(self) -> None:
        text = "\n".join(
            line.replace("intel_iommu=on", "")
            for line in recorded("noiommu").splitlines()
            if "DMAR" not in line
        )
        finding = IommuActive().run(subject(text))
        self.assert_failed(finding, "", "no message about DMAR", "no IOMMU device")
        self.assertIn("put intel_iommu=on on", finding.hint)

    def test_both_there_and_no_message(self) -> None:
        kept = without("sriov", "Directed I/O")
        self.assert_failed(IommuActive().run(subject(kept)), "", "", "did not take it")
        lost = without("sriov", "Directed I/O", "Linux version")
        self.assert_failed(IommuActive().run(subject(lost)), "", "", "no longer reaches back")

    def test_no_iommu_wanted(self) -> None:
        self.assert_not_applicable(IommuActive(), PLAIN, recorded("noiommu"), "no IOMMU")
        finding = IommuActive().run(subject(host=PLAIN))
        self.assert_failed(finding, "no IOMMU", "Directed I/O", "all the same")


class InterruptRemappingTest(CheckTest):
    def test_the_device_cannot(self) -> None:
        finding = InterruptRemapping().run(subject(recorded("merged-groups")))
        self.assert_failed(finding, "Enabled IRQ remapping", "no such message", "intremap='on'")

    def test_no_device(self) -> None:
        finding = InterruptRemapping().run(subject(recorded("noiommu")))
        self.assert_failed(finding, "", "", "no IOMMU device")

    def test_switched_off(self) -> None:
        text = changed("merged-groups", ("intel_iommu=on", "intel_iommu=on intremap=off"))
        self.assert_failed(InterruptRemapping().run(subject(text)), "", "", "take intremap=off")

    def test_the_workaround(self) -> None:
        parameter = "parameters/allow_unsafe_interrupts:"
        on = changed("merged-groups", (f"{parameter}N", f"{parameter}Y"))
        good = InterruptRemapping().run(subject(on, host=WITHOUT_REMAPPING))
        self.assertEqual(CheckVerdict.PASSED, good.verdict, good)
        bad = InterruptRemapping().run(subject(recorded("merged-groups"), host=WITHOUT_REMAPPING))
        self.assert_failed(bad, "is on", "is off", "vfio_iommu_type1.allow_unsafe_interrupts=1")

    def test_the_workaround_waits_for_the_module(self) -> None:
        asked = "vfio_iommu_type1.allow_unsafe_interrupts=1"
        text = without("merged-groups", "parameters/allow_unsafe_interrupts")
        bad = InterruptRemapping().run(subject(text, host=WITHOUT_REMAPPING))
        self.assertEqual(CheckVerdict.FAILED, bad.verdict)
        text = text.replace("intel_iommu=on", f"intel_iommu=on {asked}")
        good = InterruptRemapping().run(subject(text, host=WITHOUT_REMAPPING))
        self.assertEqual(CheckVerdict.PASSED, good.verdict)

    def test_it_remaps_all_the_same(self) -> None:
        finding = InterruptRemapping().run(subject(host=WITHOUT_REMAPPING))
        self.assert_failed(finding, "no remapping", "Enabled", "all the same")

    def test_no_iommu_wanted(self) -> None:
        self.assert_not_applicable(InterruptRemapping(), PLAIN, recorded("noiommu"), "no IOMMU")


class IommuGroupsTest(CheckTest):
    def test_the_company_is_named(self) -> None:
        text = changed(
            "sriov",
            (
                "ca:00.0 iommu_group ../../../../kernel/iommu_groups/15",
                "ca:00.0 iommu_group ../../../../kernel/iommu_groups/14",
            ),
            (
                "c8:01.0 iommu_group ../../../kernel/iommu_groups/13",
                "c8:01.0 iommu_group ../../../kernel/iommu_groups/14",
            ),
        )
        finding = IommuGroups().run(subject(text))
        self.assert_failed(
            finding,
            "0000:c9:00.0, 0000:ca:00.0: alone",
            "0000:c9:00.0: with 0000:c8:01.0 0000:ca:00.0",
            "no ACS) (0000:c8:01.0 in the group)",
        )

    def test_no_groups(self) -> None:
        finding = IommuGroups().run(subject(recorded("iommu-off")))
        self.assert_failed(finding, "alone", "in no group", "iommu-active")

    def test_a_missing_nic(self) -> None:
        finding = IommuGroups().run(subject(without("sriov", "0000:ca:00.0")))
        self.assert_failed(finding, "alone", "0000:ca:00.0: absent", "pci-topology")

    def test_no_iommu_wanted(self) -> None:
        self.assert_not_applicable(IommuGroups(), PLAIN, recorded("noiommu"), "no IOMMU")


class NodedevTest(CheckTest):
    def test_libvirt_disagrees_with_the_kernel(self) -> None:
        for old, new, observed in (
            ("<numa node='1'/>", "", "no node"),
            ("<iommuGroup number='18'>", "<iommuGroup number='17'>", "IOMMU group: group 17"),
            ("<product id='0x10ca'>", "<product id='0x10cb'>", "8086:10cb"),
            ("<bus>181</bus>", "<bus>180</bus>", "unknown to libvirt"),
        ):
            with self.subTest(observed=observed):
                finding = Nodedev().run(subject(virsh=changed("sriov-virsh", (old, new))))
                self.assert_failed(finding, "", observed, "restart libvirtd")

    def test_libvirt_agrees_with_a_wrong_kernel(self) -> None:
        text = changed("sriov", ("0000:c9:00.0/numa_node:1", "0000:c9:00.0/numa_node:2"))
        virsh = recorded("sriov-virsh")
        begin = virsh.index("pci_0000_c9_00_0")
        wrong = virsh[:begin] + virsh[begin:].replace("numa node='1'", "numa node='2'", 1)
        finding = Nodedev().run(subject(text, wrong))
        self.assert_failed(finding, "node 1", "node 2", "agrees with the kernel")

    def test_neither_knows_the_nic(self) -> None:
        virsh = recorded("sriov-virsh").replace("<bus>202</bus>", "<bus>203</bus>")
        finding = Nodedev().run(subject(without("sriov", "0000:ca:00.0"), virsh))
        self.assert_failed(finding, "0000:ca:00.0", "unknown to libvirt", "agrees with the kernel")


class HugepagesTest(CheckTest):
    PAGES = "node1/hugepages/hugepages-2048kB/nr_hugepages:"

    def test_too_few(self) -> None:
        text = changed("sriov", (f"{self.PAGES}32", f"{self.PAGES}30"))
        finding = Hugepages().run(subject(text))
        self.assert_failed(
            finding, "node 1 pages of 2048 KiB: 32", "node 1 pages of 2048 KiB: 30", "memory_mib"
        )

    def test_none_asked_for(self) -> None:
        finding = Hugepages().run(subject(recorded("noiommu")))
        self.assert_failed(finding, "64", "nothing", "reserves none")

    def test_another_size(self) -> None:
        huge = "node1/hugepages/hugepages-1048576kB/nr_hugepages:"
        text = changed("sriov", (f"{self.PAGES}32", f"{self.PAGES}0"), (f"{huge}0", f"{huge}1"))
        finding = Hugepages().run(subject(text))
        self.assert_failed(finding, "1048576 KiB: nothing", "1048576 KiB: 1", "nr_hugepages")

    def test_none_wanted(self) -> None:
        self.assert_not_applicable(Hugepages(), PLAIN, recorded("noiommu"), "no huge pages")
        self.assertEqual(CheckVerdict.FAILED, Hugepages().run(subject(host=PLAIN)).verdict)


class VfioTest(CheckTest):
    def test_a_nic_was_not_bound(self) -> None:
        text = changed(
            "sriov",
            (
                "b6:00.0 driver ../../../../bus/pci/drivers/vfio-pci",
                "b6:00.0 driver ../../../../bus/pci/drivers/e1000e",
            ),
        )
        finding = Vfio().run(subject(text))
        self.assert_failed(finding, "0000:b6:00.0: vfio-pci", "e1000e", "vhost.vfio=")

    def test_a_nic_was_not_given_back(self) -> None:
        text = changed(
            "sriov",
            (
                "b5:00.0 driver ../../../../bus/pci/drivers/e1000e",
                "b5:00.0 driver ../../../../bus/pci/drivers/vfio-pci",
            ),
        )
        finding = Vfio().run(subject(text))
        self.assert_failed(finding, "0000:b5:00.0: e1000e", "vfio-pci", "nodedev-reattach")

    def test_no_driver_at_all(self) -> None:
        finding = Vfio().run(subject(without("sriov", "b5:00.0 driver")))
        self.assert_failed(finding, "e1000e", "no driver", "did not take")

    def test_the_module(self) -> None:
        text = without("sriov", "/sys/bus/pci/drivers/vfio-pci")
        self.assertEqual(CheckVerdict.PASSED, Vfio().run(subject(text)).verdict)
        finding = Vfio().run(subject(text, modprobe_status=1))
        self.assert_failed(finding, "loaded", "cannot be loaded", "modprobe vfio-pci")

    def test_no_iommu_wanted(self) -> None:
        self.assert_not_applicable(Vfio(), PLAIN, recorded("noiommu"), "no")


class SriovTest(CheckTest):
    def test_the_virtual_functions_were_not_enabled(self) -> None:
        finding = Sriov().run(subject(recorded("iommu-off")))
        self.assert_failed(
            finding, "VF 8086:10ca of 0000:dd:00.0, node 2", "nothing", "dd:00.0 is 0, not 2"
        )
        self.assertIn("vhost.sriov=", finding.hint)

    def test_another_maximum(self) -> None:
        text = changed("sriov", ("sriov_totalvfs:7", "sriov_totalvfs:3"))
        finding = Sriov().run(subject(text))
        self.assert_failed(finding, "sriov_totalvfs: 7", "sriov_totalvfs: 3", "not the topology's")

    def test_a_virtual_function_on_another_node(self) -> None:
        text = changed("sriov", ("dd:10.2/numa_node:2", "dd:10.2/numa_node:-1"))
        finding = Sriov().run(subject(text))
        self.assert_failed(finding, "0000:dd:10.2", "no node", "on another node")

    def test_no_physical_function(self) -> None:
        finding = Sriov().run(subject(without("sriov", "0000:dd:")))
        self.assert_failed(finding, "sriov_totalvfs", "nothing", "pci-topology")

    def test_no_igb(self) -> None:
        self.assert_not_applicable(Sriov(), PLAIN, recorded("noiommu"), "SR-IOV")


class DefaultNetworkOffTest(CheckTest):
    LINE = " default   inactive   no          yes"

    def test_active_and_autostart(self) -> None:
        for line, observed, hint in (
            (" default   active     yes         yes", "active and starts", "net-destroy default"),
            (" default   inactive   yes         yes", "inactive and starts", "--disable default"),
            (" default   active     no          yes", "does not start", "net-destroy default"),
        ):
            with self.subTest(line=line):
                text = changed("sriov-virsh", (self.LINE, line))
                finding = DefaultNetworkOff().run(subject(virsh=text))
                self.assert_failed(finding, "no network 'default'", observed, hint)

    def test_no_such_network(self) -> None:
        finding = DefaultNetworkOff().run(subject(virsh=without("sriov-virsh", self.LINE)))
        self.assertEqual(
            (CheckVerdict.PASSED, "there is none"), (finding.verdict, finding.observed)
        )


class OneGuest:
    """A stand-in for ``HostConnection`` in which a guest on KVM ends with *status*."""

    name = "one"

    def __init__(self, sysfs: str, status: int) -> None:
        self._sysfs = sysfs
        self._status = status

    def run(
        self, argv: list[str], *, input_text: str | None = None, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        if list(argv[:2]) == ["sh", "-s"]:
            return subprocess.CompletedProcess(argv, 0, self._sysfs, "")
        status = self._status if argv[0] == "sh" and "kvm" in argv else 0
        return subprocess.CompletedProcess(argv, status, "", "kvm: unhandled exit 8000")


class KvmTest(CheckTest):
    FLAGS = (" pdpe1gb ", " pdpe1gb vmx ")

    def on_kvm(self, sysfs: str, status: int = 1) -> Finding:
        connection = cast("HostConnection", OneGuest(sysfs, status))
        return Kvm().run(Subject(subject().layout, Accelerator.KVM, connection))

    def test_emulated(self) -> None:
        finding = Kvm().run(subject())
        self.assertEqual(CheckVerdict.NOT_APPLICABLE, finding.verdict)
        self.assertIn("tcg", finding.expected)

    def test_no_flag(self) -> None:
        finding = self.on_kvm(recorded("sriov"))
        self.assert_failed(finding, "vmx or svm", "neither", "nested=1")

    def test_no_device(self) -> None:
        finding = self.on_kvm(changed("sriov", self.FLAGS))
        self.assert_failed(finding, "", "the flag vmx, but no /dev/kvm", "modprobe kvm_intel")

    def test_a_device_that_runs_nothing_and_one_that_does(self) -> None:
        text = changed("sriov", self.FLAGS, ("== present", "== present\n/dev/kvm"))
        finding = self.on_kvm(text)
        self.assert_failed(finding, "", "unhandled exit 8000", "--accelerator tcg")
        self.assertEqual(CheckVerdict.PASSED, self.on_kvm(text, kvm_probe.SUCCESS).verdict)


class Mute:
    """A stand-in for ``HostConnection`` that does not answer."""

    name = "mute"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def run(self, argv: list[str], **_: object) -> None:
        raise self._error


class RegistryTest(unittest.TestCase):
    def test_every_check_of_the_issue_is_registered_under_its_name(self) -> None:
        checks = registry.HOST.load()
        self.assertEqual(list(registry.HOST.order), list(checks))
        for name, check in checks.items():
            self.assertEqual(name, check.name)

    def test_an_unknown_name(self) -> None:
        with self.assertRaisesRegex(InputError, "'numa'.*known: numa-topology"):
            registry.HOST.run_all(subject(), ["numa"])

    def test_the_chosen_ones_run_in_their_order(self) -> None:
        findings = registry.HOST.run_all(subject(), ["hugepages", "iommu-active"])
        self.assertEqual(["iommu-active", "hugepages"], [finding.check for finding in findings])

    def test_a_check_that_raises_is_an_error_with_its_reason(self) -> None:
        for error, observed, hint in (
            (HostError("the host is mute; no", hint="wake it"), "the host is mute; no", "wake it"),
            (LocalError("there is no kernel source"), "there is no kernel source", ""),
            (KeyError("x"), "KeyError: 'x' (test_checks.py:", "the check itself"),
        ):
            with self.subTest(observed):
                connection = cast("HostConnection", Mute(error))
                mute = Subject(subject().layout, Accelerator.TCG, connection)
                (finding,) = registry.HOST.run_all(mute, ["vfio"])
                self.assertEqual(CheckVerdict.ERROR, finding.verdict)
                self.assertTrue(finding.is_bad)
                self.assertIn(observed, finding.observed)
                self.assertIn(hint, finding.hint)

    def test_a_check_that_raises_leaves_the_others_their_findings(self) -> None:
        with mock.patch.object(Vfio, "run", side_effect=LocalError("the disk is full")):
            findings = registry.HOST.run_all(subject(), ["vfio", "hugepages", "sriov"])
        self.assertEqual(
            [
                ("hugepages", CheckVerdict.PASSED),
                ("vfio", CheckVerdict.ERROR),
                ("sriov", CheckVerdict.PASSED),
            ],
            [(finding.check, finding.verdict) for finding in findings],
        )

    def test_hints_name_the_host_itself(self) -> None:
        text = without("sriov", "node1/memory36", "node1/memory37")
        (finding,) = registry.HOST.run_all(subject(text), ["numa-topology"])
        for command in (
            "'vhost render --host recorded'",
            "'vhost down recorded'",
            "'vhost up --name recorded'",
        ):
            self.assertIn(command, finding.hint)


class WordsTest(unittest.TestCase):
    def test_facts_of_one_value_are_reported_together(self) -> None:
        self.assertEqual("a, c: x; b: y", words({"a": "x", "b": "y", "c": "x"}))

    def test_differences_keep_their_order(self) -> None:
        self.assertEqual(("b", "c"), differences({"a": "1", "b": "2"}, {"c": "3", "a": "1"}))
