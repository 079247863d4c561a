# SPDX-License-Identifier: Apache-2.0
"""What is plugged into a running host, and the messages about it.

Host and libvirt are stand-ins.
"""

import contextlib
import unittest
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from unittest import mock
from uuid import UUID

from lxml import etree

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import hotplug
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.hypervisor.domain import alias, companion, device_xml, plugged
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util.progress import silent

LAYOUT = catalog.find("small")
NIC = LAYOUT.devices[0].address
PORT = 40001


class AttachedTest(unittest.TestCase):
    def setUp(self) -> None:
        self.device = catalog.find("article").devices[-1]

    def place(self, text: str) -> dict[str, str]:
        (address,) = etree.fromstring(text).findall("address")
        return dict(address.attrib)

    def test_a_nic_goes_where_the_host_had_it(self) -> None:
        place = self.place(device_xml(self.device, PORT))
        self.assertEqual(self.device.parent, int(place["bus"], 16))
        self.assertEqual(("0x00", "0x0"), (place["slot"], place["function"]))
        self.assertNotIn("multifunction", place)

    def test_a_nic_is_on_a_restricted_network_of_its_own(self) -> None:
        user, user_port, nic, nic_port = plugged(self.device, PORT)
        self.assertEqual(("user", True), (user["type"], user["restrict"]))
        self.assertEqual(("socket", f"127.0.0.1:{PORT}"), (nic["type"], nic["listen"]))
        self.assertEqual((user["id"], nic["id"]), (user_port["netdev"], nic_port["netdev"]))
        self.assertEqual(user_port["hubid"], nic_port["hubid"])
        other = plugged(catalog.find("article").devices[0], PORT)
        self.assertNotEqual(user_port["hubid"], other[1]["hubid"])

    def test_a_companion_is_the_next_function_of_its_slot(self) -> None:
        first, second = (
            self.place(device_xml(self.device, PORT, multifunction=True)),
            companion(self.device),
        )
        self.assertEqual("on", first["multifunction"])
        self.assertEqual("0x0", first["function"])
        added = second["device_add"]
        # libvirt's name of a controller is QEMU's of its bus.
        self.assertEqual((f"pci.{int(first['bus'], 16)}", "0x0.0x1"), (added["bus"], added["addr"]))
        self.assertEqual(second["object-add"]["id"], added["rng"])

    def test_a_device_is_found_by_its_address(self) -> None:
        plugged = device_xml(self.device, PORT).replace(
            "</interface>", '<alias name="net8"/></interface>'
        )
        running = f"<domain><devices>{plugged}</devices></domain>"
        self.assertEqual("net8", alias(running, self.device))
        self.assertIsNone(alias(running, catalog.find("article").devices[0]))


class HotplugTest(unittest.TestCase):
    """The order of things, and what a host that finds nothing comes to."""

    def setUp(self) -> None:
        self.events: list[str] = []
        self.written: list[HostRecord] = []
        self.said = "found\n"
        record = HostRecord("small", UUID(int=1), "small", Accelerator.TCG, "")
        self.directory = SimpleNamespace(read=lambda: record, write=self.written.append)
        replaced = {
            "domain.alias": lambda xml, device: None,
            "status.intended": lambda name: LAYOUT,
            "status.connected": self.connected,
            "speed.timeout_scale": lambda: 1.0,
            "_running": self.running,
            "HostDirectory.of": lambda name: self.directory,
        }
        for name, stand_in in replaced.items():
            self.enterContext(mock.patch(f"{hotplug.__name__}.{name}", stand_in))

    @contextlib.contextmanager
    def running(self, name: str, owner: object, progress: object) -> Iterator[Any]:
        yield SimpleNamespace(
            xml=str,
            attach=self.attach,
            connect=self.connect,
            attach_beside=lambda commands: self.events.append("companion"),
        )

    def connect(self, networks: Sequence[Mapping[str, Any]]) -> None:
        self.events.append("network")
        self.networks = networks

    def attach(self, xml: str) -> None:
        self.events.append("attached")
        source = etree.fromstring(xml).find("source")
        (listening,) = (each["listen"] for each in self.networks if "listen" in each)
        self.assertEqual(f"{source.get('address')}:{source.get('port')}", listening)

    @contextlib.contextmanager
    def connected(self, name: str) -> Iterator[tuple[None, Any]]:
        yield None, SimpleNamespace(run=self.run_there)

    def run_there(self, words: Sequence[str], *, input_text: str) -> SimpleNamespace:
        self.assertIn(str(NIC), words)
        self.assertIn("/driver", input_text)
        self.events.append("awaited")
        return SimpleNamespace(stdout=self.said)

    def test_the_host_has_found_it_at_the_end(self) -> None:
        hotplug.plug("small", NIC, silent)
        self.assertEqual(["network", "attached", "awaited"], self.events)
        self.assertEqual([True], [record.replugged for record in self.written])

    def test_the_first_function_comes_last(self) -> None:
        hotplug.plug("small", NIC, silent, multifunction=True)
        self.assertEqual(["network", "companion", "attached", "awaited"], self.events)

    def test_a_host_that_does_not_find_it(self) -> None:
        self.said = ""
        with self.assertRaisesRegex(HostError, f"has not found the device at {NIC} within 60 s"):
            hotplug.plug("small", NIC, silent)
