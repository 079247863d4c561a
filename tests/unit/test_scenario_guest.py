# SPDX-License-Identifier: Apache-2.0
import unittest
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from vhost_tempest_plugin.host.nested_guest import LAST_LINE
from vhost_tempest_plugin.scenario.guest import Guest
from vhost_tempest_plugin.scenario.requests.server_requests import request


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


class MovingTest(FakeTest):
    """A test whose servers are on another host with each move."""

    def __init__(self) -> None:
        super().__init__()
        calls = ("migrate", "live_migrate", "confirm_resize", "revert_resize")
        servers = {f"{name}_server": self.call for name in calls}
        self.cloud.servers = SimpleNamespace(**servers)
        self.cloud.events = self.events
        self.happened: tuple[str, ...] = ("cold_migrate", "conductor_migrate_server")
        self.host = "a"
        self.checked: list[tuple[str, str]] = []
        self.judged: list[tuple[str, ...]] = []
        self.left: list[tuple[str, str]] = []
        self.refusals: list[tuple[str, ...]] = []

    def call(self, server: str, **words: object) -> None:
        return None

    def events(self, server: str) -> tuple[str, ...]:
        return self.happened

    def settled(self, servers: list[str], watch: object, *, status: str) -> Any:
        shown = {"status": status, "OS-EXT-SRV-ATTR:host": self.host}
        return dict.fromkeys(servers, shown)

    def fleet(self) -> Any:
        return {"a": None, "b": None, "c": None}

    def check(self, guest: Guest, step: str, *, moved: bool = False) -> None:
        self.checked.append((step, guest.host))

    def judge(self, fleet: Any, *words: object) -> None:
        self.judged.append(tuple(fleet))

    def released(self, guest: Guest, host: str, step: str) -> None:
        self.left.append((step, host))

    def expect_refusal(self, request: object, *, fleet: Any) -> None:
        self.refusals.append(tuple(fleet))


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


class MovedGuestTest(unittest.TestCase):
    def setUp(self) -> None:
        self.test: Any = MovingTest()
        self.guest = Guest(self.test, 0, "uuid", request(), "a")

    def test_it_keeps_what_it_had_until_it_is_confirmed(self) -> None:
        had, self.test.host = self.guest.seen, "b"
        self.guest.migrate()
        self.assertEqual((self.guest.request, "a", had), self.guest.left)
        self.assertEqual([("b", "c")], self.test.judged)
        self.guest.confirm()
        self.assertIsNone(self.guest.left)
        self.assertEqual([("confirm", "a")], self.test.left)
        self.assertEqual([("migrate", "b"), ("confirm", "b")], self.test.checked)

    def test_it_is_back_when_it_is_reverted(self) -> None:
        self.test.host = "b"
        self.guest.migrate()
        self.guest.revert()
        self.assertEqual("a", self.guest.host)
        self.assertEqual([("revert", "b")], self.test.left)
        self.assertEqual([("migrate", "b"), ("revert", "a")], self.test.checked)

    def test_nothing_is_reverted_that_did_not_move(self) -> None:
        with self.assertRaises(ValueError):
            self.guest.revert()

    def test_nothing_is_kept_where_it_ran_on_its_way(self) -> None:
        self.test.host = "c"
        self.guest.live_migrate()
        self.assertIsNone(self.guest.left)
        self.assertEqual([("live-migrate", "a")], self.test.left)
        self.assertEqual([("live-migrate", "c")], self.test.checked)

    def test_a_refusal_is_expected_of_the_others(self) -> None:
        self.guest.migrate_refused()
        self.guest.live_migrate_refused()
        self.assertEqual([("b", "c")], self.test.refusals)
        self.assertEqual(["a", "a"], [host for _, host in self.test.checked])

    def test_no_host_is_asked_that_cannot_have_it(self) -> None:
        self.test.happened = ("cold_migrate", "compute_prep_resize")
        with self.assertRaisesRegex(AssertionError, "lets it through"):
            self.guest.migrate_refused()
