# SPDX-License-Identifier: Apache-2.0
"""What a session and its servers make of what a cloud answers."""

import unittest
import unittest.mock
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from vhost_tempest_plugin.host.nested_guest import LAST_LINE
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import InstanceNode, Limits, Observation
from vhost_tempest_plugin.nova.load import Load, NodeLoad
from vhost_tempest_plugin.nova.request import CpuPolicy, Request
from vhost_tempest_plugin.nova.views import Power
from vhost_tempest_plugin.scenario import environment
from vhost_tempest_plugin.scenario.base_host import BaseHostTest
from vhost_tempest_plugin.scenario.clients.stopwatch import Stopwatch
from vhost_tempest_plugin.scenario.inspection.inspector import Inspection
from vhost_tempest_plugin.scenario.inspection.record import Record
from vhost_tempest_plugin.scenario.placed_server import Claim, PlacedServer
from vhost_tempest_plugin.scenario.placed_servers import PlacedServers
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.server import Server
from vhost_tempest_plugin.scenario.session import DisagreementError, Session
from vhost_tempest_plugin.topology import catalog

ID = "uuid"


SMALL = catalog.find("small")
CPUS = len(pci_devices.cpu_sets(SMALL).dedicated)


@dataclass(frozen=True)
class Candidate:
    """A host on which anything may be placed: what is placed on it is remembered."""

    claims: tuple[Request, ...] = ()
    load: Load = Load()  # noqa: RUF009
    layout = SMALL

    def after(self, request: Request, seen: Observation) -> "Candidate":
        return replace(self, claims=(*self.claims, request))


class FakeHost:
    """A host whose guest has reported after it was asked twice."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, str]] = []

    def candidate(self, limits: Limits) -> Candidate:
        return Candidate()

    def has(self, file: str, line: str) -> bool:
        self.questions.append((file, line))
        return len(self.questions) == 2


class FakeInspector:
    """Sees servers where the test puts them."""

    def __init__(self) -> None:
        self.seen: Observation | None = Observation((InstanceNode(0),))
        self.facts: tuple[str, ...] = ()
        self.console_log: str | None = None
        self.leaks: tuple[str, ...] = ()
        self.reports: list[object] = []
        self.asked_for: list[tuple[str, str]] = []

    def inspect(self, *servers: PlacedServer, report: object = None) -> tuple[Inspection, ...]:
        self.reports.append(report)
        return tuple(Inspection(self.seen, self.facts, self.console_log) for _ in servers)

    def held(self, watch: object) -> tuple[str, ...]:
        return self.leaks

    def held_by(self, server: str, name: str, watch: object) -> tuple[str, ...]:
        self.asked_for.append((server, name))
        return self.leaks


class FakeCloud:
    """A cloud whose servers have at once the status that is wanted, on the host *to*."""

    def __init__(self) -> None:
        self.to, self.ended = "a", False
        self.happened: dict[str, str | None] = {"conductor_live_migrate_instance": "Error"}
        self.servers = self

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *words, **more: None

    def settled(self, servers: Iterable[str], watch: object, *, status: str) -> Any:
        return {each: {"status": status, "OS-EXT-SRV-ATTR:host": self.to} for each in servers}

    def events(self, server: str) -> dict[str, str | None]:
        return self.happened

    def until(self, condition: Callable[[], Any], what: str, watch: object) -> Any:
        return condition()

    def report(self, server: str, watch: object, is_done: Callable[[], bool]) -> str:
        while not is_done():
            continue
        return f"of {server}"


class UnloadedServers(PlacedServers):
    def loads(self, *, without: str | None = None) -> Any:
        return {name: Candidate() for name in self.hosts if name != without}


class JudgingSession(Session):
    """Any outcome is right; which hosts could have had it is remembered."""

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.placed = UnloadedServers(self.placed.hosts, self.placed.limits)
        self.judged: list[tuple[str, ...]] = []
        self.refusals: list[tuple[str, ...]] = []

    def judge(self, loads: Any, server: str) -> None:
        self.judged.append(tuple(loads))

    def expect_refusal(self, request: Request, *reasons: object, loads: Any = None) -> Any:
        self.refusals.append(tuple(loads))


class ServerCase(unittest.TestCase):
    session_class: type[Session] = JudgingSession

    def setUp(self) -> None:
        self.cloud, self.inspector = FakeCloud(), FakeInspector()
        self.hosts = {name: FakeHost() for name in "abc"}
        self.session: Any = self.session_class(
            *(self.cloud, self.hosts, Limits(), self.inspector),  # type: ignore[arg-type]
            Record("test"),
            Stopwatch(),
        )
        self.asked = request()
        self.session.settle_all([self.asked], [ID], console=True)
        self.server = Server(self.session, ID)


class SessionTest(ServerCase):
    session_class = Session

    def test_what_was_seen_is_kept(self) -> None:
        self.assertEqual(self.inspector.seen, self.server.seen)
        self.assertEqual((0,), self.server.nodes)
        self.assertEqual([ID], self.session.asked)

    def test_a_server_that_has_moved_on_its_own_is_a_disagreement(self) -> None:
        self.inspector.seen = Observation((InstanceNode(1),))
        with self.assertRaisesRegex(DisagreementError, r"server 0 after a nap: it was .*, is .*"):
            self.server.check("a nap")

    def test_each_check_compares_with_what_was_seen_last(self) -> None:
        """No observation is judged that is older than the last inspection."""
        self.inspector.seen = Observation((InstanceNode(1),))
        self.session.check(ID, step="move", moved=True)
        self.server.check("a nap")
        self.assertEqual((1,), self.server.nodes)

    def test_facts_name_the_server_and_the_step_and_are_recorded(self) -> None:
        self.inspector.facts = ("pins: nova says 1, libvirt says 2",)
        with self.assertRaises(DisagreementError) as raised:
            self.server.check("boot")
        (fact,) = raised.exception.facts
        self.assertEqual("server 0 after boot: pins: nova says 1, libvirt says 2", fact)
        self.assertEqual([fact], self.session.record._disagreements)

    def test_its_load_is_on_its_host_and_on_the_one_that_it_keeps(self) -> None:
        other = request(2)
        self.assertEqual((self.asked,), self.loads()["a"])
        self.session.placed.update(
            ID,
            source=self.server.state.claim,
            claim=replace(self.server.state.claim, host="b", request=other),
        )
        self.assertEqual({"a": (self.asked,), "b": (other,), "c": ()}, self.loads())
        self.session.placed.forget(ID)
        self.assertEqual({"a": (), "b": (), "c": ()}, self.loads())

    def test_placement_may_be_out_of_pcpus(self) -> None:
        """Only where dedicated CPUs are asked for that no provider has."""
        self.assertFalse(self.server.state.claim.fallback)
        pinned = request(CPUS, cpu_policy=CpuPolicy.DEDICATED)
        more = request(CPUS + 1, cpu_policy=CpuPolicy.DEDICATED)
        loads = self.session.placed.loads()
        self.assertFalse(Claim.of(loads, pinned, "a").fallback)
        self.assertTrue(Claim.of(loads, more, "a").fallback)
        self.assertTrue(Claim.of(loads, pinned, "a", [pinned, pinned]).fallback)
        taken = Load(nodes={0: NodeLoad(pinned=frozenset({0}))})
        loads = {"a": replace(Candidate(), load=taken)}
        self.assertTrue(Claim.of(loads, pinned, "a").fallback)

    def test_one_host_alone_may_be_chosen(self) -> None:
        self.session.placed.only = "b"
        self.assertEqual({"b"}, self.loads().keys())

    def loads(self) -> dict[str, tuple[Request, ...]]:
        return {name: host.claims for name, host in self.session.placed.loads().items()}

    def test_what_is_still_held_is_a_disagreement(self) -> None:
        self.inspector.leaks = ("0000:01:00.0: nova says allocated",)
        with self.assertRaisesRegex(DisagreementError, "server 0 after delete: 0000:01:00.0"):
            self.server.delete()
        self.assertEqual((), self.session.placed.hosted)


class LeavingTest(ServerCase):
    """The end of a test."""

    session_class = Session

    def setUp(self) -> None:
        super().setUp()
        self.deleted: list[str] = []
        self.cloud.delete = lambda servers, watch: self.deleted.extend(servers)  # type: ignore[attr-defined]
        self.inspector.leaks = ("0000:01:00.0: nova says allocated",)

    def test_servers_are_deleted_and_what_is_held_is_a_failure(self) -> None:
        with self.assertRaises(DisagreementError):
            self.session.leave()
        self.assertEqual([ID], self.deleted)

    def test_those_of_a_failed_test_are_kept(self) -> None:
        self.session._keep = self.session.failed = True
        self.assertTrue(self.session.leave())
        self.assertEqual([], self.deleted)

    def test_those_of_another_test_are_not(self) -> None:
        self.session._keep = True
        self.inspector.leaks = ()
        self.assertFalse(self.session.leave())
        self.assertEqual([ID], self.deleted)


class KeptTest(unittest.TestCase):
    """Later tests find the hosts taken."""

    def test_they_are_skipped(self) -> None:
        self.addCleanup(setattr, BaseHostTest, "kept", "")
        BaseHostTest.kept = "test_that_failed"
        with (
            unittest.mock.patch.object(environment, "missing", return_value=""),
            self.assertRaisesRegex(unittest.SkipTest, "the servers of test_that_failed are kept"),
        ):
            BaseHostTest.skip_checks()


class ReportTest(ServerCase):
    def test_it_is_awaited_on_the_host(self) -> None:
        self.inspector.console_log = "/console.log"
        self.server.check("boot")
        self.assertEqual("of uuid", self.server.report())
        self.assertEqual([("/console.log", LAST_LINE)] * 2, self.hosts["a"].questions)
        self.assertEqual("of uuid", self.inspector.reports[-1])

    def test_the_api_is_asked_where_the_host_has_no_file(self) -> None:
        self.assertEqual("of uuid", self.server.report())
        self.assertEqual([], self.hosts["a"].questions)

    def test_a_server_without_a_console_has_none(self) -> None:
        self.session.placed.update(ID, console=False)
        with self.assertRaises(ValueError):
            self.server.report()


class ShelvedServerTest(ServerCase):
    def test_it_counts_once_again_after_it_was_unshelved(self) -> None:
        self.server.shelve()
        self.assertEqual((), self.session.placed.hosted)
        self.cloud.to = "b"
        self.server.unshelve()
        self.assertEqual(["b"], [each.host for each in self.session.placed.hosted])


class MovedServerTest(ServerCase):
    def test_it_keeps_what_it_had_until_it_is_confirmed(self) -> None:
        had, self.cloud.to = self.server.state.claim, "b"
        self.server.migrate()
        self.assertEqual(had, self.server.state.source)
        self.assertEqual([("b", "c")], self.session.judged)
        self.server.confirm()
        self.assertIsNone(self.server.state.source)
        self.assertEqual([(ID, "a")], self.inspector.asked_for)

    def test_it_is_back_when_it_is_reverted(self) -> None:
        had, self.cloud.to = self.server.state.claim, "b"
        self.server.migrate()
        self.server.revert()
        self.assertEqual(had, self.server.state.claim)
        self.assertEqual([(ID, "b")], self.inspector.asked_for)

    def test_nothing_is_reverted_that_did_not_move(self) -> None:
        with self.assertRaises(ValueError):
            self.server.revert()

    def test_nothing_is_kept_where_it_ran_on_its_way(self) -> None:
        self.cloud.to = "c"
        self.server.live_migrate()
        self.assertIsNone(self.server.state.source)
        self.assertEqual("c", self.server.host)
        self.assertEqual([(ID, "a")], self.inspector.asked_for)

    def test_a_refusal_is_expected_of_the_others(self) -> None:
        self.server.migrate_refused()
        self.server.live_migrate_refused()
        self.assertEqual([("b", "c")], self.session.refusals)
        self.assertEqual("a", self.server.host)

    def test_no_host_is_asked_that_cannot_have_it(self) -> None:
        self.cloud.happened = {"cold_migrate": "Success", "compute_prep_resize": "Success"}
        with self.assertRaisesRegex(AssertionError, "lets it through"):
            self.server.migrate_refused()

    def test_who_refuses_a_live_migration(self) -> None:
        conductor = "conductor_live_migrate_instance"
        for happened, words in (
            ({conductor: "Error", "compute_check_can_live_migrate_source": "Error"}, "hosts are"),
            ({conductor: "Success"}, "nova-conductor does not refuse it"),
        ):
            self.cloud.happened = dict(happened)
            with self.subTest(words), self.assertRaisesRegex(AssertionError, words):
                self.server.live_migrate_refused()

    def test_one_that_is_off_is_not_seen(self) -> None:
        self.inspector.seen = None
        self.server.stop()
        self.assertIs(Power.OFF, self.server.state.power)
        self.assertEqual((0,), self.server.nodes)
