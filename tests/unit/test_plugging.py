# SPDX-License-Identifier: Apache-2.0
"""What is told of a NIC that is plugged in; stand-ins are host and libvirt, real in tests/e2e."""

import contextlib
import unittest
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from unittest import mock

from vhost_tempest_plugin import catalog, plugging
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.layout import lay_out
from vhost_tempest_plugin.progress import silent

LAYOUT = lay_out(catalog.find("small"))
NIC = LAYOUT.devices[0].address


class PlugTest(unittest.TestCase):
    """The order of things, and what a host that finds nothing comes to."""

    def setUp(self) -> None:
        self.events: list[str] = []
        self.said = "found\n"
        replaced = {
            "domain.nic_alias": lambda xml, mac: None,
            "hosts.intended": lambda name: LAYOUT,
            "hosts.connected": self.connected,
            "speed.slowness": lambda: 1.0,
            "_running": self.running,
        }
        for name, stand_in in replaced.items():
            self.enterContext(mock.patch(f"{plugging.__name__}.{name}", stand_in))

    @contextlib.contextmanager
    def running(self, name: str, progress: object) -> Iterator[Any]:
        yield SimpleNamespace(xml=str, attach=lambda xml: self.events.append("attached"))

    @contextlib.contextmanager
    def connected(self, name: str) -> Iterator[tuple[None, Any]]:
        yield None, SimpleNamespace(run=self.run_there)

    def run_there(self, words: Sequence[str], *, input_text: str) -> SimpleNamespace:
        self.assertIn(str(NIC), words)
        self.assertIn("/driver", input_text)
        self.events.append("awaited")
        return SimpleNamespace(stdout=self.said)

    def test_the_host_has_found_it_at_the_end(self) -> None:
        plugging.plug("small", NIC, silent)
        self.assertEqual(["attached", "awaited"], self.events)

    def test_a_host_that_does_not_find_it(self) -> None:
        self.said = ""
        with self.assertRaisesRegex(HostError, f"has not found the NIC at {NIC} within 60 s"):
            plugging.plug("small", NIC, silent)
