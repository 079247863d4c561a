# SPDX-License-Identifier: Apache-2.0
"""What is plugged into a running host, and the messages about it.

Host and libvirt are stand-ins.
"""

import contextlib
import unittest
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from types import SimpleNamespace
from typing import Any
from unittest import mock
from uuid import UUID

from lxml import etree

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import hotplug
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.hypervisor.domain import PluggedNetwork, alias, companion, device_xml
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.domain.plugged_network import Command
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util.progress import silent

LAYOUT = catalog.find("small")
NIC = LAYOUT.devices[0].address


class AttachedTest(unittest.TestCase):
    def setUp(self) -> None:
        self.device = catalog.find("article").devices[-1]

    def place(self, text: str) -> dict[str, str]:
        (address,) = etree.fromstring(text).findall("address")
        return dict(address.attrib)

    def test_a_nic_goes_where_the_host_had_it(self) -> None:
        place = self.place(device_xml(self.device))
        self.assertEqual(self.device.parent, int(place["bus"], 16))
        self.assertEqual(("0x00", "0x0"), (place["slot"], place["function"]))
        self.assertNotIn("multifunction", place)

    def test_a_nic_is_on_a_restricted_network_of_its_own(self) -> None:
        network = PluggedNetwork.of(self.device, UUID(int=1))
        made = {arguments["id"]: arguments for _, arguments in network.creation()}
        self.assertEqual(("user", True), itemgetter("type", "restrict")(made[network.name]))
        filters = [arguments for _, arguments in network.connection("hostnet8")]
        self.assertEqual({"hostnet8"}, {each["netdev"] for each in filters})
        self.assertEqual(["rx", "tx"], [each["queue"] for each in filters])
        made |= {each["id"]: each for each in filters}
        self.assertEqual(set(made), {arguments["id"] for _, arguments in network.removal()})
        ends = [each.get(end) for each in made.values() for end in ("indev", "outdev")]
        sockets = [name for name, each in made.items() if "backend" in each]
        self.assertEqual(sorted(sockets), sorted(filter(None, ends)))

    def test_a_companion_is_the_next_function_of_its_slot(self) -> None:
        first, second = (
            self.place(device_xml(self.device, multifunction=True)),
            companion(self.device),
        )
        self.assertEqual("on", first["multifunction"])
        self.assertEqual("0x0", first["function"])
        added = second["device_add"]
        # libvirt's name of a controller is QEMU's of its bus.
        self.assertEqual((f"pci.{int(first['bus'], 16)}", "0x0.0x1"), (added["bus"], added["addr"]))
        self.assertEqual(second["object-add"]["id"], added["rng"])

    def test_a_device_is_found_by_its_address(self) -> None:
        plugged = device_xml(self.device).replace(
            "</interface>", '<alias name="net8"/></interface>'
        )
        running = f"<domain><devices>{plugged}</devices></domain>"
        self.assertEqual("net8", alias(running, self.device))
        self.assertIsNone(alias(running, catalog.find("article").devices[0]))


class HotplugTest(unittest.TestCase):
    """The order of things, and what a host that finds nothing comes to."""

    def setUp(self) -> None:
        self.events: list[str] = []
        self.refusal: HostError | None = None
        self.written: list[HostRecord] = []
        self.said = "found\n"
        record = HostRecord("small", UUID(int=1), "small", Accelerator.TCG, "")
        self.directory = SimpleNamespace(read=lambda: record, write=self.written.append)
        replaced = {
            "domain.alias": lambda xml, device: "net8" if "attached" in self.events else None,
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
            uuid=UUID(int=1),
            attach=lambda xml: self.events.append("attached"),
            execute=self.execute,
            execute_what_it_can=lambda commands: None,
            detach=lambda alias: self.events.append(f"detached {alias}"),
            attach_beside=lambda commands: self.events.append("companion"),
        )

    def execute(self, commands: Iterable[Command]) -> None:
        words = [(arguments.get("netdev"), command) for command, arguments in commands]
        is_connected = ("hostnet8", "object-add") in words
        self.events.append("restricted" if is_connected else "network")
        if is_connected and self.refusal:
            raise self.refusal

    def test_a_nic_that_cannot_be_restricted_is_pulled_out(self) -> None:
        self.refusal = HostError("QEMU refuses it", hint="see its log")
        with self.assertRaisesRegex(HostError, "QEMU refuses it"):
            hotplug.plug("small", NIC, silent)
        self.assertEqual(["network", "attached", "restricted", "detached net8"], self.events)

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
        self.assertEqual(["network", "attached", "restricted", "awaited"], self.events)
        self.assertEqual([True], [record.replugged for record in self.written])

    def test_the_first_function_comes_last(self) -> None:
        hotplug.plug("small", NIC, silent, multifunction=True)
        self.assertEqual(["network", "companion", "attached", "restricted", "awaited"], self.events)

    def test_a_host_that_does_not_find_it(self) -> None:
        self.said = ""
        with self.assertRaisesRegex(HostError, f"has not found the device at {NIC} within 60 s"):
            hotplug.plug("small", NIC, silent)
