# SPDX-License-Identifier: Apache-2.0
import unittest
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from vhost_tempest_plugin.guest import LAST_LINE
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


class ReportingTest:
    """A test whose guest has told after it was looked at twice."""

    watch = None

    def __init__(self) -> None:
        self.looks: list[tuple[str, str]] = []
        self.checked: list[object] = []
        self.hosts = {"host": self}
        self.cloud = self

    def has(self, file: str, line: str) -> bool:
        self.looks.append((file, line))
        return len(self.looks) == 2

    def report(self, server: str, watch: object, is_told: Callable[[], bool]) -> str:
        while not is_told():
            continue
        return f"of {server}"

    def check(self, guest: Guest, step: str, *, report: object) -> None:
        self.checked.append(report)


class ReportTest(unittest.TestCase):
    def test_it_is_awaited_on_the_host(self) -> None:
        test: Any = ReportingTest()
        guest = Guest(test, 0, "uuid", request(), "host", console=True)
        guest.console_log = "/console.log"
        self.assertEqual("of uuid", guest.report())
        self.assertEqual([("/console.log", LAST_LINE)] * 2, test.looks)
        self.assertEqual(["of uuid"], test.checked)

    def test_the_api_is_asked_where_the_host_has_no_file(self) -> None:
        test: Any = ReportingTest()
        self.assertEqual(
            "of uuid", Guest(test, 0, "uuid", request(), "host", console=True).report()
        )
        self.assertEqual([], test.looks)

    def test_a_silent_guest_has_none(self) -> None:
        with self.assertRaises(ValueError):
            Guest(cast("Any", None), 0, "uuid", request(), "host").report()


class ShelvedGuestTest(unittest.TestCase):
    def test_it_counts_once_again_after_it_was_unshelved(self) -> None:
        test: Any = FakeTest()
        guest = Guest(test, 0, "uuid", request(), "host")
        test.guests.append(guest)
        guest.shelve()
        self.assertEqual([], test.guests)
        guest.unshelve()
        self.assertEqual([guest], test.guests)
