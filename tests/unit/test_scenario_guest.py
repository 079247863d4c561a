# SPDX-License-Identifier: Apache-2.0
import unittest
from types import SimpleNamespace
from typing import Any

from vhost_tempest_plugin.scenario.guest import Guest
from vhost_tempest_plugin.scenario.wishes import request


class FakeTest:
    """A test whose servers are at once what they are to be."""

    def __init__(self) -> None:
        self.guests: list[Guest] = []
        self.watch = None
        calls = ("shelve_server", "unshelve_server")
        servers = SimpleNamespace(**{name: lambda server: None for name in calls})
        self.cloud = SimpleNamespace(servers=servers, settled=self.settled)

    def settled(self, servers: list[str], watch: object, *, status: str) -> Any:
        return {server: {"status": status, "OS-EXT-SRV-ATTR:host": "host"} for server in servers}

    def left_host(self, guest: Guest, step: str) -> None:
        self.guests.remove(guest)

    def fleet(self) -> None:
        return None

    def check(self, guest: Guest, step: str, *, moved: bool) -> None:
        return None

    def judge(self, *words: object) -> None:
        return None


class ShelvedGuestTest(unittest.TestCase):
    def test_it_counts_once_again_after_it_was_unshelved(self) -> None:
        test: Any = FakeTest()
        guest = Guest(test, 0, "uuid", request(), "host")
        test.guests.append(guest)
        guest.shelve()
        self.assertEqual([], test.guests)
        guest.unshelve()
        self.assertEqual([guest], test.guests)
