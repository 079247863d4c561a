# SPDX-License-Identifier: Apache-2.0
import dataclasses
import subprocess
import unittest
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from unittest import mock

from lxml import etree

from tests.unit.recorded_host import HOST, subject
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import nested_guest
from vhost_tempest_plugin.host.checks import nested_run
from vhost_tempest_plugin.host.checks.base import Subject
from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Finding
from vhost_tempest_plugin.host.checks.nested_guest import NestedGuest, candidates
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.domain.nested import render_nested
from vhost_tempest_plugin.topology.devices import e1000e, vmxnet3
from vhost_tempest_plugin.topology.layout import lay_out
from vhost_tempest_plugin.topology.model import DeviceGroup, Host, Iommu
from vhost_tempest_plugin.topology.pci import PciAddress

# From a nested guest on the recorded host, without most of its chipset's functions.
CONSOLE = """\
vhost-guest: kernel 6.1.192
vhost-guest: interface 0000:01:00.0 52:54:00:00:00:03 eth0
vhost-guest: cpus 0
vhost-guest: cpu 0 socket=0 siblings=0
vhost-guest: node 0 cpus=0 memory_kib=117300
vhost-guest: pci 0000:00:01.0 1b36:000c class=060400 node=-1 driver=pcieport
vhost-guest: pci 0000:01:00.0 8086:10d3 class=020000 node=-1 driver=e1000e
vhost-guest: dhcp 0000:01:00.0 52:54:00:00:00:03 10.0.2.15 server=10.0.2.2
vhost-guest: done
"""
DHCP = "dhcp 0000:01:00.0 52:54:00:00:00:03 10.0.2.15 server=10.0.2.2"
NO_CARRIER = "no-dhcp 0000:01:00.0 52:54:00:00:00:03 reason=no-carrier"
NO_ANSWER = "no-dhcp 0000:01:00.0 52:54:00:00:00:03 reason=no-answer"
NIC = "vhost-guest: pci 0000:01:00.0 8086:10d3 class=020000 node=-1 driver=e1000e\n"


def one_nic(**changes: object) -> Host:
    """The recorded host with one NIC, on node 1."""
    nodes = (
        dataclasses.replace(HOST.nodes[0], devices=(), bus=None),
        dataclasses.replace(HOST.nodes[1], devices=(HOST.devices[0],)),
        dataclasses.replace(HOST.nodes[2], devices=(), bus=None),
    )
    return dataclasses.replace(HOST, **{"nodes": nodes, "devices": (), **changes})  # type: ignore[arg-type]


class NestingConnection:
    """A stand-in for ``HostConnection`` in which a nested guest writes *console*."""

    name = "nesting"

    def __init__(
        self,
        console: str = CONSOLE,
        *,
        create_error: str = "",
        alive: bool = True,
        driver: str = "e1000e",
        dmesg: str = "",
    ) -> None:
        self._console = console
        self._create_error = create_error
        self._alive = alive
        self._driver = driver
        self._dmesg = dmesg
        self.commands: list[str] = []
        self.sent: list[Path] = []
        self.xml = ""

    def run(
        self,
        argv: Sequence[str],
        *,
        input_text: str | None = None,
        timeout_s: float | None = None,
        check: bool = True,
    ) -> "subprocess.CompletedProcess[str]":
        command = " ".join(argv)
        self.commands.append(command)
        status, out, err = 0, "", ""
        if "create" in argv:
            status, err = (1, self._create_error) if self._create_error else (0, "")
        elif argv[0] == "readlink":
            out = f"../../../../bus/pci/drivers/{self._driver}\n"
        elif command == "cat /proc/uptime":
            out = "100.00 50.00\n"
        elif argv[0] == "cat":
            out = self._console
        elif "kill -0" in command:
            status = 0 if self._alive else 1
        elif argv[0] == "dmesg":
            out = self._dmesg
        return subprocess.CompletedProcess(list(argv), status, out, err)

    def put(self, text: str, path: str, mode: int = 0o644) -> None:
        self.xml = text

    def send(self, files: Sequence[Path], directory: str) -> None:
        self.sent += files


def image(_: object) -> nested_guest.GuestImage:
    """A stand-in for ``guest.build``."""
    return nested_guest.GuestImage(
        Path("/c/kernel"), Path("/c/bzimage"), Path("/c/initrd"), "digest"
    )


class NestedGuestTest(unittest.TestCase):
    def setUp(self) -> None:
        for target, replacement in (
            ("vhost_tempest_plugin.host.nested_guest.build", image),
            ("vhost_tempest_plugin.util.speed.timeout_scale", lambda: 1.0),
            ("time.sleep", lambda _: None),
        ):
            patcher = mock.patch(target, replacement)
            patcher.start()
            self.addCleanup(patcher.stop)

    def check(self, connection: NestingConnection, host: Host | None = None) -> Finding:
        layout = lay_out(host or one_nic())
        return NestedGuest().run(
            Subject(layout, Accelerator.TCG, cast("HostConnection", connection))
        )

    def assert_failed(self, connection: NestingConnection, observed: str, hint: str) -> None:
        finding = self.check(connection)
        self.assertEqual(CheckVerdict.FAILED, finding.verdict, finding)
        self.assertIn("8086:10d3, an address by DHCP, then back on e1000e", finding.expected)
        self.assertIn(observed, finding.observed)
        self.assertIn(hint, finding.hint)

    def test_it_passes_and_leaves_nothing(self) -> None:
        connection = NestingConnection()
        finding = self.check(connection)
        self.assertEqual(CheckVerdict.PASSED, finding.verdict, finding)
        self.assertIn('bus="0xc9"', connection.xml)
        self.assertEqual(["kernel", "initrd"], [file.name for file in connection.sent])
        self.assertIn("destroy vhost-nested", connection.commands[-2])
        self.assertEqual("rm -rf /run/vhost-nested", connection.commands[-1])

    def test_libvirt_refuses(self) -> None:
        error = "error: Failed to create domain\nerror: group 14 is not viable\n"
        connection = NestingConnection(create_error=error)
        self.assert_failed(connection, "group 14 is not viable", "iommu-groups")

    def test_another_device_and_none(self) -> None:
        other = CONSOLE.replace("8086:10d3", "8086:10c9")
        self.assert_failed(NestingConnection(other), "8086:10c9", "something else")
        none = CONSOLE.replace(NIC, "")
        self.assert_failed(NestingConnection(none), "no NIC", "something else")
        two = CONSOLE.replace(NIC, NIC + NIC.replace("01:00.0", "02:00.0"))
        self.assert_failed(NestingConnection(two), "8086:10d3 8086:10d3", "something else")

    def test_no_dhcp(self) -> None:
        down = NestingConnection(CONSOLE.replace(DHCP, NO_CARRIER))
        self.assert_failed(down, "no address by DHCP (no-carrier)", "domif-setlink")
        deaf = NestingConnection(CONSOLE.replace(DHCP, NO_ANSWER))
        self.assert_failed(deaf, "no address by DHCP (no-answer)", "DMA or interrupts")

    def test_what_the_iommu_refused_is_reported(self) -> None:
        dmesg = (
            "[   50.000000] DMAR: [DMA Read NO_PASID] Request device [c9:00.0] old fault\n"
            "[  120.500000] DMAR: [DMA Write] Request device [c9:00.0] fault addr 0x1000\n"
        )
        connection = NestingConnection(CONSOLE.replace(DHCP, NO_ANSWER), dmesg=dmesg)
        self.assert_failed(connection, "fault addr 0x1000", "DMA or interrupts")
        self.assertNotIn("old fault", self.check(connection).observed)

    def test_the_guest_dies(self) -> None:
        connection = NestingConnection("Kernel panic - not syncing\n", alive=False)
        self.assert_failed(
            connection, "ended too early; its last words: Kernel panic", "QEMU's messages"
        )

    def test_the_guest_is_never_done(self) -> None:
        with mock.patch.dict(nested_run._LIMIT_S, {Accelerator.TCG: -1.0}):
            self.assert_failed(NestingConnection(""), "the guest's report", "QEMU's messages")

    def test_the_nic_is_not_given_back(self) -> None:
        with mock.patch.object(nested_run, "_RETURN_S", -1.0):
            connection = NestingConnection(driver="vfio-pci")
            self.assert_failed(connection, "then back on vfio-pci", "nodedev-reattach")

    def test_a_virtual_function_without_a_link(self) -> None:
        nics = lay_out(HOST).hardware().endpoints
        virtual = next(nic for nic in nics if nic.physical_function is not None)
        attempt = nested_run.Attempt(seen=(virtual.id,), no_dhcp="no-carrier")
        self.assertIn("'ip link set up' for 0000:dd:00.0", attempt.hint(subject(), virtual))

    def test_the_guest_goes_even_where_the_host_fails(self) -> None:
        connection = NestingConnection("vhost-guest: cpu x\n")
        with self.assertRaises(HostError):
            self.check(connection)
        self.assertEqual("rm -rf /run/vhost-nested", connection.commands[-1])

    def test_what_the_topology_lacks(self) -> None:
        without = Iommu(None, interrupt_remapping=False, caching_mode=False)
        for host, why in (
            (one_nic(iommu=without), "needs an IOMMU"),
            (
                dataclasses.replace(
                    one_nic(),
                    nodes=tuple(
                        dataclasses.replace(node, devices=(), bus=None) for node in HOST.nodes
                    ),
                ),
                "no NICs",
            ),
        ):
            finding = self.check(NestingConnection(), host)
            self.assertEqual(CheckVerdict.NOT_APPLICABLE, finding.verdict)
            self.assertIn(why, finding.expected)


class CandidatesTest(unittest.TestCase):
    def addresses(self, host: Host) -> list[str]:
        return [str(nic.address) for nic in candidates(lay_out(host).hardware())]

    def test_one_of_each_node_one_of_none_and_a_virtual_one(self) -> None:
        self.assertEqual(
            ["0000:01:00.0", "0000:b5:00.0", "0000:c9:00.0", "0000:dd:10.0"], self.addresses(HOST)
        )

    def test_a_physical_function_without_virtual_ones_can_be_assigned(self) -> None:
        igb = dataclasses.replace(HOST.nodes[2].devices[0], vfs=0)
        self.assertEqual(["0000:01:00.0", "0000:c9:00.0"], self.addresses(one_nic(devices=(igb,))))

    def test_each_model_is_tried(self) -> None:
        both = (DeviceGroup(e1000e.MODEL, 2), DeviceGroup(vmxnet3.MODEL, 2))
        nodes = tuple(dataclasses.replace(node, devices=both, bus=None) for node in HOST.nodes[:1])
        host = one_nic(nodes=(*nodes, *one_nic().nodes[1:]))
        self.assertEqual(["0000:b5:00.0", "0000:b7:00.0", "0000:c9:00.0"], self.addresses(host))

    def test_one_virtual_function_is_enough(self) -> None:
        groups: tuple[DeviceGroup, ...] = HOST.nodes[2].devices * 2
        host = one_nic(devices=groups)
        self.assertEqual(["0000:01:10.0", "0000:c9:00.0"], self.addresses(host))


class RenderNestedTest(unittest.TestCase):
    def render(self, accelerator: Accelerator) -> etree._Element:
        return etree.fromstring(
            render_nested(
                "n",
                PciAddress(0xDD, 0x10, 2),
                kernel="/k",
                initrd="/i",
                command_line="a b",
                console_log="/c",
                accelerator=accelerator,
            )
        )

    def test_the_nic_and_what_it_boots(self) -> None:
        domain = self.render(Accelerator.TCG)
        address = domain.find("devices/hostdev[@managed='yes']/source/address")
        assert address is not None
        self.assertEqual(
            {"domain": "0x0000", "bus": "0xdd", "slot": "0x10", "function": "0x2"},
            dict(address.attrib),
        )
        self.assertEqual(
            ["/k", "/i", "a b"],
            [domain.findtext(f"os/{t}") for t in ("kernel", "initrd", "cmdline")],
        )
        self.assertEqual("qemu", domain.get("type"))
        self.assertIsNone(domain.find("cpu"))

    def test_on_kvm_it_has_the_hosts_cpu(self) -> None:
        domain = self.render(Accelerator.KVM)
        self.assertEqual("kvm", domain.get("type"))
        self.assertEqual("host-passthrough", domain.find("cpu").get("mode"))  # type: ignore[union-attr]
