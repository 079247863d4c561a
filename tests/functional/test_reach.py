# SPDX-License-Identifier: Apache-2.0
"""What is reached through the networks of a host's NICs: Ethernet frames into a real QEMU.

No operating system runs: the test itself is the NIC, where libvirt would connect one.
"""

import contextlib
import re
import socket
import struct
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from lxml import etree

from tests.functional import embedded
from vhost_tempest_plugin.hypervisor import Connection, orphan_processes
from vhost_tempest_plugin.hypervisor import domain as host_domain
from vhost_tempest_plugin.hypervisor.domain import Boot, PluggedNetwork, device_xml, render
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util import process

LAYOUT = catalog.find("small")
MAC = bytes.fromhex("525400000103")
ROUTER_MAC = bytes.fromhex("525400000202")
ADDRESS, ROUTER = bytes((10, 0, 2, 15)), bytes((10, 0, 2, 2))
ANSWER_S = 3.0
# The flags SYN and ACK (RFC 9293).
ACCEPTED = 0x12


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data if len(data) % 2 == 0 else data + b"\0"))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol: int, source: bytes, target: bytes, payload: bytes) -> bytes:
    """A packet."""
    size = 20 + len(payload)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 1, 0, 64, protocol, 0, source, target)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


class Nic:
    """The other end of a socket network of QEMU: each frame comes behind its length."""

    def __init__(self, port: int) -> None:
        self.link = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)

    def send(self, target: bytes, kind: int, payload: bytes) -> None:
        frame = target + MAC + struct.pack("!H", kind) + payload
        self.link.sendall(struct.pack("!I", len(frame)) + frame)

    def frames(self) -> Iterator[bytes]:
        """What comes, until nothing does."""
        with contextlib.suppress(TimeoutError), self.link.makefile("rb") as stream:
            while size := stream.read(4):
                yield stream.read(struct.unpack("!I", size)[0])

    def discover(self) -> str:
        """The address that DHCP offers (RFC 2131)."""
        wanted = struct.pack("!BBBBIHH16x16s192x", 1, 1, 6, 0, 7, 0, 0x8000, MAC)
        wanted += bytes((99, 130, 83, 99, 53, 1, 1, 255))
        datagram = struct.pack("!HHHH", 68, 67, 8 + len(wanted), 0) + wanted
        self.send(b"\xff" * 6, 0x0800, ipv4(17, bytes(4), b"\xff" * 4, datagram))
        for frame in self.frames():
            if frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\0\x44":
                return socket.inet_ntoa(frame[42 + 16 : 42 + 20])
        raise AssertionError("no offer")

    def connect(self, port: int) -> int | None:
        """The flags of what answers to a TCP connection to the machine; None where nothing does."""
        arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, MAC, ADDRESS, bytes(6), ROUTER)
        self.send(b"\xff" * 6, 0x0806, arp)
        head = struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 0x50, 2, 65535, 0, 0)
        pseudo = ADDRESS + ROUTER + struct.pack("!BBH", 0, 6, len(head))
        head = head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:]
        self.send(ROUTER_MAC, 0x0800, ipv4(6, ADDRESS, ROUTER, head))
        for frame in self.frames():
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\x01":
                # Who asks for us is answered, as a NIC's kernel would.
                reply = struct.pack(
                    "!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, MAC, ADDRESS, frame[22:28], frame[28:32]
                )
                self.send(frame[22:28], 0x0806, reply)
            if frame[12:14] == b"\x08\x00" and frame[23] == 6:
                return frame[47]
        return None


def free_port() -> int:
    """A TCP port of the loopback address on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class ReachTest(unittest.TestCase):
    """One QEMU for all, since a process opens one embedded driver in one directory."""

    @classmethod
    def setUpClass(cls) -> None:
        root = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        connection = cls.enterClassContext(Connection.open(None, embedded.ROOT))
        uuid = uuid4()
        cls.addClassCleanup(orphan_processes.kill, uuid)
        disk = root / "disk.qcow2"
        process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "1M"])
        boot = Boot(Path("/kernel"), Path("/initrd"), "", disk, root / "console.log")
        text = render(LAYOUT, name="reach", uuid=uuid, boot=boot, accelerator=Accelerator.TCG)
        domain = etree.fromstring(text)
        system = domain.find("os")
        for tag in ("kernel", "initrd", "cmdline"):
            system.remove(system.find(tag))
        # There is a place for one that is plugged in.
        last = domain.findall("devices/interface")[-1]
        last.getparent().remove(last)
        [override] = domain.findall(f"{{*}}override/{{*}}device[@alias='net{len(LAYOUT.devices)}']")
        override.getparent().remove(override)
        cls.domain = connection.create(etree.tostring(domain, encoding="unicode"))

    def setUp(self) -> None:
        self.listener = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        self.listener.settimeout(ANSWER_S)
        self.port = self.listener.getsockname()[1]

    def nic(self, *, restricted: bool) -> Nic:
        """One that is plugged in, as libvirt connects it and then as it is restricted."""
        network, port = PluggedNetwork(1, self.domain.uuid), free_port()
        libvirts: tuple[dict[str, Any], ...] = (
            {"id": "hostnic", "type": "user"},
            {"id": "hostnic-port", "type": "hubport", "hubid": 100, "netdev": "hostnic"},
            {"id": "nic", "type": "socket", "listen": f"127.0.0.1:{port}"},
            {"id": "nic-port", "type": "hubport", "hubid": 100, "netdev": "nic"},
        )
        self.domain.execute_what_it_can(network.removal())
        for each in reversed(libvirts):
            self.domain.execute_what_it_can([("netdev_del", {"id": each["id"]})])
        self.domain.execute(("netdev_add", each) for each in libvirts)
        if restricted:
            self.domain.execute(network.creation())
            self.domain.execute(network.connection("hostnic"))
        nic = Nic(port)
        self.addCleanup(nic.link.close)
        return nic

    def test_every_nic_is_on_a_restricted_network(self) -> None:
        said = self.domain._monitor("info network")
        found = dict(re.findall(r"macaddr=(\S+)\s+\\ user\d+: \S+,restrict=(on|off)", said))
        macs = (LAYOUT.management_mac, *(device.mac for device in LAYOUT.devices[:-1]))
        self.assertEqual(dict.fromkeys(macs, "on"), found, said)

    def test_libvirt_takes_a_nic_that_is_plugged_in_and_qemu_restricts_it(self) -> None:
        device = LAYOUT.devices[-1]
        network = PluggedNetwork.of(device, self.domain.uuid)
        self.domain.execute(network.creation())
        self.domain.attach(device_xml(device))
        alias = host_domain.alias(self.domain.xml(), device)
        self.domain.execute(network.connection(f"host{alias}"))
        said = self.domain._monitor("info network")
        # QEMU lists a network's filters after it.
        behind = said.partition(f"macaddr={device.mac}")[2].partition("macaddr=")[0]
        for way, queue in (("out", "rx"), ("back", "tx")):
            self.assertRegex(behind, rf"{network.name}-{way}-near-filter.*queue={queue}")

    def test_a_nic_gets_an_address_and_reaches_no_service_of_the_machine(self) -> None:
        nic = self.nic(restricted=True)
        self.assertEqual("10.0.2.15", nic.discover())
        self.assertNotEqual(ACCEPTED, nic.connect(self.port))
        self.listener.setblocking(False)
        with self.assertRaises(BlockingIOError):
            self.listener.accept()

    def test_what_is_not_restricted_reaches_it(self) -> None:
        """That the other test would notice."""
        self.assertEqual(ACCEPTED, self.nic(restricted=False).connect(self.port))
        self.listener.accept()[0].close()
