# SPDX-License-Identifier: Apache-2.0
"""Every check on hosts that are really wrong: it fails, and says what is there and what to do.

Each host is emulated in software on every machine, so that all of them are wrong alike.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, NamedTuple
from unittest import mock

from tests.e2e import emulated
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.checks.base import Subject
from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Finding
from vhost_tempest_plugin.host.checks.kvm import Kvm
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator

TOP = Path(__file__).resolve().parent.parent.parent

RIGHT = """\
name: right
nodes:
  - {cpus: 0-1, memory_mib: 768, bus: 100, hugepages: {2M: 16}, devices: [{model: igb, vfs: 2}]}
  - cpus: 2
    memory_mib: 512
    bus: 120
    hugepages: {2M: 8}
    devices: [{model: e1000e}, {model: e1000e, driver: vfio-pci}]
"""
IGB = "{model: igb, vfs: 2}"
NIC = "{model: e1000e}"
PHYSICAL, PLAIN, ASSIGNABLE = "0000:65:00.0", "0000:79:00.0", "0000:7a:00.0"

BARE = """\
name: bare
iommu: none
nodes: [{cpus: 0, memory_mib: 768, bus: 100, devices: [{model: e1000e}]}]
"""

UNHEEDED = """\
name: unheeded
nodes:
  - {cpus: 0, memory_mib: 640, bus: 100, hugepages: {2M: 8}, devices: [{model: e1000e}]}
  - {cpus: 1, memory_mib: 512, bus: 120, devices: [{model: e1000e, driver: vfio-pci}]}
"""

MISWIRED = """\
name: miswired
iommu: {model: intel, interrupt_remapping: false}
nodes:
  - {cpus: 0-1, memory_mib: 768, bus: 102, devices: [{model: e1000e, count: 2}]}
  - {cpus: 2, memory_mib: 512, bus: 120, devices: [{model: e1000e}]}
"""
SWITCHED, MISPLACED = "0000:67:00.0", "0000:79:00.0"


def has_igb(vhost: emulated.Vhost) -> bool:
    """Whether this machine's QEMU and libvirt have the device igb."""
    findings = vhost.json("doctor", "sriov", check=False)
    return any(f["name"] == "the device igb" and f["verdict"] == "ok" for f in findings)


class Telling(NamedTuple):
    """What a failed check says: regular expressions of its parts."""

    observed: str
    hint: str
    expected: str = "."


class WrongHostCase(unittest.TestCase):
    """A host that all tests of a class look at, in a state directory of their own."""

    text: ClassVar[str]
    spoil: ClassVar[str | None] = None
    vhost: ClassVar[emulated.Vhost]
    topology: ClassVar[Path]
    name: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.vhost = cls.enterClassContext(emulated.home())
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.topology = Path(directory) / "topology.yaml"
        cls.prepare()
        cls.topology.write_text(cls.text)
        cls.name = cls.text.split(maxsplit=2)[1]
        if cls.spoil is None:
            cls.vhost.run("up", cls.topology, "--accelerator", "tcg")
        else:
            prefix, environment = emulated.as_account(cls.vhost, cls.topology)
            command = [
                *prefix,
                sys.executable,
                "-m",
                "tests.e2e.spoiled_up",
                cls.spoil,
                str(cls.topology),
            ]
            subprocess.run(command, cwd=TOP, env=environment, check=True, timeout=emulated.LIMIT_S)

    @classmethod
    def prepare(cls) -> None:
        """Adapt ``text`` to this machine."""

    def changed(self, *changes: tuple[str, str]) -> Path:
        """Another topology, in a file."""
        text = self.text
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = self.topology.with_name("changed.yaml")
        path.write_text(text)
        return path

    def check(self, name: str, against: Path | None = None) -> dict[str, str]:
        words: list[str | Path] = ["--compare-with", against] if against else []
        [finding] = self.vhost.findings(self.name, name, *words).values()
        return finding

    def assert_passed(self, name: str) -> None:
        finding = self.check(name)
        self.assertEqual("passed", finding["verdict"], finding)

    def assert_failed(
        self, name: str, telling: Telling, against: Path | None = None, verdict: str = "failed"
    ) -> None:
        self.assert_tells(self.check(name, against), telling, verdict)

    def assert_tells(
        self, finding: dict[str, str], telling: Telling, verdict: str = "failed"
    ) -> None:
        self.assertEqual(verdict, finding["verdict"], finding)
        for part, pattern in telling._asdict().items():
            # What is left open matches anything.
            self.assertRegex(finding[part], pattern or ".", f"{part} of {finding}")

    def assert_all_tell(self, against: Path, tellings: dict[str, Telling]) -> None:
        """One look at the host by several checks."""
        found = self.vhost.findings(self.name, *tellings, "--compare-with", against)
        for name, telling in tellings.items():
            with self.subTest(check=name):
                self.assert_tells(found[name], telling)


class RightHostTest(WrongHostCase):
    """A right host: beside other topologies, and with something broken while it runs."""

    text = RIGHT
    igb: ClassVar[bool]

    @classmethod
    def prepare(cls) -> None:
        cls.igb = has_igb(cls.vhost)
        cls.text = RIGHT if cls.igb else RIGHT.replace(IGB, NIC)

    def needs_igb(self) -> None:
        if not self.igb:
            self.skipTest("this machine's QEMU or libvirt has no igb")

    @contextmanager
    def broken(self, command: str, repair: str) -> Iterator[None]:
        """Something broken in the host; the hint afterwards, whatever happens."""
        self.vhost.ssh(self.name, command)
        try:
            yield
        finally:
            self.vhost.ssh(self.name, repair)

    def break_and_repair(self, name: str, command: str, telling: Telling, repair: str) -> None:
        """*command* makes the check *name* fail, and *repair* makes it pass again."""
        self.assert_passed(name)
        with self.broken(command, repair):
            self.assert_failed(name, telling)
        self.assert_passed(name)

    def test_it_passes_all_but_kvm(self) -> None:
        found = self.vhost.findings(self.name)
        verdicts = {name: finding["verdict"] for name, finding in found.items()}
        absent = {"kvm"} if self.igb else {"kvm", "sriov"}
        self.assertEqual(
            {name: "not-applicable" if name in absent else "passed" for name in found}, verdicts
        )
        self.assertEqual(13, len(found))

    def test_memory(self) -> None:
        self.assert_failed(
            "numa-topology",
            Telling("node 1 memory: 512 MiB", "other memory, see <numa>", "memory: 640 MiB"),
            self.changed(("memory_mib: 512", "memory_mib: 640")),
        )

    def test_cpus_and_distances(self) -> None:
        self.assert_failed(
            "numa-topology",
            Telling(
                "node 0 CPUs, .*0-1; node 0 distances, libvirt's cell 0 distances: 10 20",
                "another topology, see <cpu>",
                "node 0 distances, libvirt's cell 0 distances: 10 31",
            ),
            self.changed(
                ("cpus: 0-1,", "cpus: 0, distances: [10, 31],"),
                ("cpus: 2\n", "cpus: 1-2\n    distances: [31, 10]\n"),
            ),
        )

    def test_expander_buses_of_other_nodes(self) -> None:
        other = self.changed(("bus: 100", "bus: 0x78"), ("bus: 120", "bus: 100"))
        self.assert_all_tell(
            other,
            {
                "pci-topology": Telling(
                    "bus 64 node: node 0", "their busNr and <node>", "bus 64 node.*: node 1"
                ),
                "device-affinity": Telling(
                    "0000:65:00.0.*: node 0", "the check pci-topology", "0000:65:00.0.*: node 1"
                ),
            },
        )

    def test_a_missing_root_port(self) -> None:
        other = self.changed((f"[{NIC}, ", f"[{NIC}, {NIC}, "))
        self.assert_all_tell(
            other,
            {
                "pci-topology": Telling(
                    "port 0000:78:02.0.*: nothing",
                    "compare the pcie-root-port controllers on that bus",
                    "port 0000:78:02.0: to bus 7b",
                ),
                "device-affinity": Telling("0000:7b:00.0: nothing", "the check pci-topology"),
                "iommu-groups": Telling("0000:7b:00.0: absent", "the check pci-topology"),
                "nodedev": Telling("0000:7b:00.0 product: unknown to libvirt", "libvirt agrees"),
                "vfio": Telling("0000:7b:00.0: nothing", "the check pci-topology"),
            },
        )

    def test_a_nic_of_another_model(self) -> None:
        other = self.changed((f"[{NIC}, ", "[{model: igb}, "))
        self.assert_all_tell(
            other,
            {
                "pci-topology": Telling(
                    f"NIC {PLAIN}: 8086:10d3", "the <interface> elements", f"NIC {PLAIN}: 8086:10c9"
                ),
                "sriov": Telling(f"{PLAIN} sriov_totalvfs: nothing", "not the topology's"),
                "nodedev": Telling(f"{PLAIN} product: 8086:10d3", "libvirt agrees", "8086:10c9"),
            },
        )

    def test_a_missing_physical_function(self) -> None:
        other = self.changed((f"[{NIC}, ", f"[{NIC}, {{model: igb, vfs: 1}}, "))
        self.assert_failed(
            "sriov", Telling("0000:7b:10.0: nothing|nothing", "is not the topology's"), other
        )

    def test_fewer_virtual_functions(self) -> None:
        self.needs_igb()
        self.assert_failed(
            "sriov",
            Telling(
                "0000:65:10.4, 0000:65:10.6: nothing", f"{PHYSICAL} is 2, not 4: .*vhost.sriov="
            ),
            self.changed((IGB, "{model: igb, vfs: 4}")),
        )

    def test_huge_pages_that_the_kernel_did_not_find(self) -> None:
        self.break_and_repair(
            "hugepages",
            "echo 3 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages",
            Telling("^node 1 pages of 2048 KiB: 3$", "someone changed nr_hugepages", ": 8$"),
            "echo 8 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages",
        )

    def test_an_iommu_that_should_not_be(self) -> None:
        other = self.changed((", driver: vfio-pci", ""), ("nodes:", "iommu: none\nnodes:"))
        self.assert_failed(
            "iommu-active", Telling("Directed I/O", "the host has one all the same"), other
        )

    def test_remapping_that_should_not_be(self) -> None:
        iommu = "iommu: {model: intel, interrupt_remapping: false}"
        self.assert_failed(
            "interrupt-remapping",
            Telling("Enabled IRQ remapping", "the IOMMU remaps all the same"),
            self.changed(("nodes:", f"{iommu}\nnodes:")),
        )

    def test_libvirt_stopped(self) -> None:
        stop = "systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd"
        restart = "systemctl restart libvirtd"
        telling = Telling("reaches no libvirt: .*Failed to connect", restart)
        for name in ("numa-topology", "nodedev", "default-network-off"):
            self.assert_passed(name)
        with self.broken(stop, restart):
            for name in ("numa-topology", "nodedev", "default-network-off"):
                with self.subTest(check=name):
                    self.assert_failed(name, telling, verdict="error")
        self.assert_passed("nodedev")

    def test_libvirt_out_of_date(self) -> None:
        """libvirt reads a NIC's node once; the kernel's can be written."""
        node = f"/sys/bus/pci/devices/{PLAIN}/numa_node"
        restart = "systemctl restart libvirtd"
        with self.broken(f"echo 0 > {node}; {restart}", f"echo 1 > {node}"):
            self.assert_failed("device-affinity", Telling(f"{PLAIN}: node 0", "another node's"))
            self.assert_failed("nodedev", Telling(f"{PLAIN} node: node 0", "libvirt agrees"))
        self.assert_failed(
            "nodedev", Telling(f"{PLAIN} node: node 0", restart, f"{PLAIN} node: node 1")
        )
        self.vhost.ssh(self.name, restart)
        self.assert_passed("nodedev")

    def test_a_nic_without_driver(self) -> None:
        drivers = "/sys/bus/pci/drivers/e1000e"
        self.break_and_repair(
            "vfio",
            f"echo {PLAIN} > {drivers}/unbind",
            Telling(f"{PLAIN}: no driver", "dmesg", f"{PLAIN}: e1000e"),
            f"echo {PLAIN} > {drivers}/bind",
        )

    def test_a_nic_that_was_not_given_back(self) -> None:
        device = "pci_0000_79_00_0"
        self.break_and_repair(
            "vfio",
            f"virsh nodedev-detach {device}",
            Telling(f"{PLAIN}: vfio-pci", "virsh nodedev-reattach"),
            f"virsh nodedev-reattach {device}",
        )

    def test_a_nic_that_vfio_did_not_get(self) -> None:
        devices = f"/sys/bus/pci/devices/{ASSIGNABLE}"
        self.break_and_repair(
            "vfio",
            f"echo > {devices}/driver_override; echo {ASSIGNABLE} > {devices}/driver/unbind; "
            f"echo {ASSIGNABLE} > /sys/bus/pci/drivers_probe",
            Telling(f"{ASSIGNABLE}: e1000e", "not bound at boot: .*vhost.vfio="),
            f"echo vfio-pci > {devices}/driver_override; "
            f"echo {ASSIGNABLE} > {devices}/driver/unbind; "
            f"echo {ASSIGNABLE} > /sys/bus/pci/drivers_probe",
        )

    def test_virtual_functions_gone(self) -> None:
        self.needs_igb()
        count = f"/sys/bus/pci/devices/{PHYSICAL}/sriov_numvfs"
        self.break_and_repair(
            "sriov",
            f"echo 0 > {count}",
            Telling("0000:65:10.0, 0000:65:10.2: nothing", f"{PHYSICAL} is 0, not 2"),
            f"echo 2 > {count}",
        )

    def test_the_default_network(self) -> None:
        # The image has no dnsmasq to start the distribution's own network of that name with.
        network = "<network><name>default</name><bridge name='virbr9'/></network>"
        self.vhost.ssh(self.name, "virsh net-dumpxml default > /run/default.xml")
        self.break_and_repair(
            "default-network-off",
            f'virsh net-undefine default; echo "{network}" > /run/other.xml; '
            "virsh net-define /run/other.xml; virsh net-autostart default; "
            "virsh net-start default",
            Telling(
                "it is active and starts by itself",
                "virsh net-destroy default; virsh net-autostart --disable default",
            ),
            "virsh net-destroy default; virsh net-autostart --disable default; "
            "virsh net-undefine default; virsh net-define /run/default.xml",
        )

    def test_a_guest_given_something_else(self) -> None:
        """The guest sees what its NIC is, not what the topology says."""
        group = IGB if self.igb else NIC
        other = self.changed(
            (f"bus: 100, hugepages: {{2M: 16}}, devices: [{group}]", "hugepages: {2M: 16}"),
            (f"[{NIC}, ", "[{model: igb}, "),
        )
        self.assert_failed(
            "nested-guest",
            Telling(f"^{PLAIN}: 8086:10d3, an address by DHCP", "something else", "8086:10c9, an"),
            other,
        )


class BareHostTest(WrongHostCase):
    """A host without an IOMMU, where one should be; and without hardware for guests."""

    text = BARE

    def test_it_passes_what_it_should_have(self) -> None:
        found = self.vhost.findings(self.name)
        for name in ("numa-topology", "pci-topology", "device-affinity", "nodedev"):
            self.assertEqual("passed", found[name]["verdict"], found[name])
        for name in ("iommu-active", "interrupt-remapping", "iommu-groups", "vfio", "kvm"):
            self.assertEqual("not-applicable", found[name]["verdict"], found[name])

    def test_no_iommu(self) -> None:
        other = self.changed(
            ("iommu: none\n", ""), ("model: e1000e", "model: e1000e, driver: vfio-pci")
        )
        self.assert_all_tell(
            other,
            {
                "iommu-active": Telling(
                    "no message about DMAR|the last is",
                    "no IOMMU device: give it <iommu model='intel'>.* and put intel_iommu=on",
                    "DMAR: Intel.* for Directed I/O",
                ),
                "interrupt-remapping": Telling("no such message", "no IOMMU device"),
                "iommu-groups": Telling(f"{PHYSICAL}: in no group", "the check iommu-active"),
                "nodedev": Telling(
                    "group: no group", "libvirt agrees with the kernel", "group: a group"
                ),
                "vfio": Telling(f"{PHYSICAL}: e1000e", "not bound at boot"),
                "nested-guest": Telling("does not start the guest: .*", "iommu-active"),
            },
        )

    def test_vfio_cannot_be_loaded(self) -> None:
        other = self.changed(("iommu: none\n", ""))
        self.vhost.ssh(self.name, "modprobe -r vfio-pci")
        self.assertEqual("passed", self.check("vfio", other)["verdict"])
        self.vhost.ssh(
            self.name,
            "mkdir -p /run/modprobe.d; echo install vfio-pci false > /run/modprobe.d/no-vfio.conf; "
            "modprobe -r vfio-pci",
        )
        telling = Telling("vfio-pci module: cannot be loaded", "'modprobe vfio-pci' in the host")
        self.assert_failed("vfio", telling, other)

    def test_no_virtualization(self) -> None:
        finding = kvm(self.vhost, self.name)
        self.assertEqual(CheckVerdict.FAILED, finding.verdict)
        self.assertIn("neither vmx nor svm", finding.observed)
        self.assertRegex(finding.hint, "nested virtualization on in this machine's kvm_intel")


class UnheededHostTest(WrongHostCase):
    """A host whose kernel was configured to use neither IOMMU nor NUMA."""

    text = UNHEEDED
    spoil = "command-line"

    def test_what_the_kernel_does_without(self) -> None:
        self.assert_all_tell(
            self.topology,
            {
                "numa-topology": Telling("nodes: 0;", "remove numa=off", "nodes: 0-1"),
                "device-affinity": Telling(": no node", "have no node.*numa=off"),
                "iommu-active": Telling(
                    "not that message, the last is 'DMAR",
                    "^take intel_iommu=off off the host's kernel command line;",
                ),
                "interrupt-remapping": Telling("no such message", "^take intremap=off off"),
                "iommu-groups": Telling("in no group", "the check iommu-active"),
                "nodedev": Telling(
                    "(?=.*: no node)(?=.*: no group)",
                    "libvirt agrees",
                    "(?=.*: node 1)(?=.*: a group)",
                ),
                "hugepages": Telling("nothing", "command line reserves none"),
                "vfio": Telling(f"{MISPLACED}: e1000e", "not bound at boot"),
                "nested-guest": Telling("does not start the guest: ", "iommu-active"),
            },
        )

    def test_no_workaround_for_remapping(self) -> None:
        iommu = "iommu: {model: intel, interrupt_remapping: false}"
        self.assert_failed(
            "interrupt-remapping",
            Telling("unsafe_interrupts is off", "vfio_iommu_type1.allow_unsafe_interrupts=1"),
            self.changed(("nodes:", f"{iommu}\nnodes:")),
        )


class MiswiredHostTest(WrongHostCase):
    """A host with a switch, a NIC on the wrong node, a link that is down."""

    text = MISWIRED
    spoil = "hardware"

    def intended(self) -> Path:
        return self.changed((", interrupt_remapping: false", ""))

    def test_hardware(self) -> None:
        self.assert_all_tell(
            self.intended(),
            {
                "pci-topology": Telling("bus 78 node.*: node 0", "busNr", "bus 78 node: node 1"),
                "device-affinity": Telling(
                    f"^{MISPLACED}: node 0$",
                    "behind another node's pcie-expander-bus",
                    f"^{MISPLACED}: node 1$",
                ),
                "interrupt-remapping": Telling("no such message", "it needs intremap='on'"),
                "iommu-groups": Telling(
                    f"^{SWITCHED}: with 0000:66:00.0 0000:67:00.1; 0000:68:00.0: with ",
                    "no ACS.*0000:66:00.0 0000:66:01.0 in the group.*pcie-root-port of its own",
                    f"^{SWITCHED}, 0000:68:00.0: alone$",
                ),
                "nodedev": Telling(f"{MISPLACED} node: node 0", "libvirt agrees"),
            },
        )

    def test_guests(self) -> None:
        self.assert_failed(
            "nested-guest",
            Telling(
                f"{SWITCHED}: libvirt does not start the guest: .*not viable.*"
                rf"{MISPLACED}: 8086:10d3, no address by DHCP \(no-carrier\)",
                "iommu-groups.*link is down: set it up with 'virsh domif-setlink'",
            ),
            self.intended(),
        )

    def test_kvm_without_its_module_and_without_hardware(self) -> None:
        finding = kvm(self.vhost, self.name)
        self.assertEqual(CheckVerdict.FAILED, finding.verdict)
        self.assertRegex(finding.observed, "the flag svm, but no /dev/kvm")
        self.assertIn("'modprobe kvm_amd' in the host", finding.hint)
        self.vhost.ssh(self.name, "mknod /dev/kvm c 10 232")
        finding = kvm(self.vhost, self.name)
        self.vhost.ssh(self.name, "rm /dev/kvm")
        self.assertEqual(CheckVerdict.FAILED, finding.verdict)
        self.assertRegex(finding.observed, "/dev/kvm is there, but a guest on it does not run: .+")
        self.assertIn("vhost doctor", finding.hint)


def kvm(vhost: emulated.Vhost, name: str) -> Finding:
    """The check of KVM, on a host that is taken for one on KVM."""
    with (
        mock.patch.dict(os.environ, {"XDG_STATE_HOME": str(vhost.state)}),
        emulated.read_as_account(),
        status.connected(name) as (_, connection),
    ):
        return Kvm().run(Subject(status.intended(name), Accelerator.KVM, connection))
