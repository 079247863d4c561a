# SPDX-License-Identifier: Apache-2.0
"""What is made of the subunit stream of a run."""

import dataclasses
import io
import json
import tempfile
import unittest
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import subunit
from lxml import html

from vhost_tempest_plugin.report.results import (
    Run,
    TestOutcome,
    TestVerdict,
    page,
    report,
    stream,
    time_spent,
)
from vhost_tempest_plugin.report.results.placement import Moment, moments
from vhost_tempest_plugin.topology import catalog

BEGUN = datetime(2026, 11, 24, 12, tzinfo=UTC)
TEST = "vhost_tempest_plugin.scenario.test_x.XTest.test_{}"
ARTICLE = catalog.find("article")
DEVICE = "0000:b5:00.0"


def entry(server: int, step: str, host: str | None = "lab-0", **changes: Any) -> dict[str, Any]:
    """A server in a record after a step; it has nothing where it has no host."""
    cell = {"node": 0, "pins": {"0": 2}, "floating": "0-1", "memory_mib": 128, "page_size_kib": 4}
    return {
        "server": server,
        "step": step,
        "at_s": 12.0,
        "host": host,
        "power": "on",
        "request": "vcpus=2 hw:<numa>=1",
        "nodes": [cell] if host else [],
        "devices": [DEVICE] if host else [],
        "device_nodes": {},
        "emulator": "0-1",
        **changes,
    }


RECORD = {
    "test": TEST.format("fail"),
    "own_s": 1.5,
    "total_s": 22.0,
    "waited_s": {"status": 20.5},
    "worked_s": {"inspection": 1.0},
    "phases": [
        {
            "step": "boot",
            "servers": [0],
            "begun_s": 0.0,
            "spent_s": 20.0,
            "waited_s": {"the API": 0.5, "status": 18.0},
            "worked_s": {"inspection": 1.0},
        },
        {
            "step": "end",
            "servers": [],
            "begun_s": 20.0,
            "spent_s": 2.0,
            "waited_s": {"the end of servers": 2.0},
            "worked_s": {},
        },
    ],
    "servers": [entry(0, "boot")],
    "disagreements": [f"{DEVICE}: nova says <node 1>, sysfs says node 0"],
}


def packets(status: str, seconds: float, **files: str) -> bytes:
    """The stream of one test."""
    written = io.BytesIO()
    result = subunit.StreamResultToBytes(written)
    name = f"{TEST.format(status)}[id-1,smoke]"
    result.status(test_id=name, test_status="inprogress", timestamp=BEGUN)
    for file, text in files.items():
        result.status(
            test_id=name,
            file_name=file,
            file_bytes=text.encode(),
            mime_type='text/plain; charset="utf8"',
            eof=True,
            timestamp=BEGUN,
        )
    if status == "exists":
        return enumerated(name)
    if status != "inprogress":
        ended = BEGUN + timedelta(seconds=seconds)
        result.status(test_id=name, test_status=status, timestamp=ended)
    return written.getvalue()


def enumerated(name: str) -> bytes:
    """What stestr prints about a test before it runs."""
    written = io.BytesIO()
    subunit.StreamResultToBytes(written).status(test_id=name, test_status="exists")
    return written.getvalue()


STREAM = b"".join(
    (
        packets("exists", 0),
        packets("success", 30),
        packets("fail", 40, traceback="Traceback:\nAssertionError: <no>", log="nova said"),
        packets("skip", 0, reason="needs 3 nodes, has 1"),
        packets("xfail", 2, traceback="bug 1"),
        packets("inprogress", 0),
    )
)


class StreamTest(unittest.TestCase):
    def test_every_verdict(self) -> None:
        outcomes = {o.test: o for o in stream.read(io.BytesIO(STREAM))}
        self.assertEqual(
            {
                TEST.format("success"): TestVerdict.PASSED,
                TEST.format("fail"): TestVerdict.FAILED,
                TEST.format("skip"): TestVerdict.SKIPPED,
                TEST.format("xfail"): TestVerdict.EXPECTED,
                TEST.format("inprogress"): TestVerdict.UNFINISHED,
            },
            {name: outcome.verdict for name, outcome in outcomes.items()},
        )
        failed = outcomes[TEST.format("fail")]
        self.assertEqual("XTest.test_fail", failed.name)
        self.assertEqual(40.0, failed.elapsed_s)
        self.assertIn("AssertionError", failed.reason)
        self.assertEqual({"log": "nova said"}, failed.logs)
        self.assertEqual("needs 3 nodes, has 1", outcomes[TEST.format("skip")].reason)

    def test_a_fixture_is_named_as_a_method(self) -> None:
        written = io.BytesIO()
        subunit.StreamResultToBytes(written).status(
            test_id="tearDownClass (a.scenario.test_x.XTest)", test_status="fail", timestamp=BEGUN
        )
        (outcome,) = stream.read(io.BytesIO(written.getvalue()))
        self.assertEqual("a.scenario.test_x.XTest.tearDownClass", outcome.test)
        self.assertEqual("XTest.tearDownClass", outcome.name)

    def test_each_is_reported_as_it_comes_and_the_stream_is_kept(self) -> None:
        reported: list[TestOutcome] = []
        begun: list[str] = []
        with tempfile.TemporaryDirectory() as directory:
            source = Path(directory) / "source"
            source.write_bytes(STREAM)
            with source.open("rb") as file:
                copy = Path(directory) / "copy"
                outcomes = stream.copied(file, copy, reported.append, begun.append)
            self.assertEqual(STREAM, copy.read_bytes())
        self.assertEqual(outcomes, tuple(reported))
        self.assertEqual([outcome.name for outcome in outcomes], begun)


class RunTest(unittest.TestCase):
    def outcome(self, verdict: TestVerdict) -> TestOutcome:
        return TestOutcome(TEST.format("x"), verdict, "", 1.0)

    def test_what_is_good(self) -> None:
        for verdicts, breaches, good in (
            ((TestVerdict.PASSED, TestVerdict.SKIPPED, TestVerdict.EXPECTED), (), True),
            ((TestVerdict.PASSED,), ("missing",), False),
            ((TestVerdict.PASSED, TestVerdict.FAILED), (), False),
            ((TestVerdict.PASSED, TestVerdict.UNFINISHED), (), False),
            ((TestVerdict.SKIPPED,), (), False),
            ((), (), False),
        ):
            with self.subTest(verdicts=verdicts, breaches=breaches):
                run = Run("t", tuple(map(self.outcome, verdicts)), 1.0, breaches)
                self.assertIs(good, run.is_good)

    def test_summary(self) -> None:
        run = Run("t", (self.outcome(TestVerdict.PASSED),), 1.0, ("missing",))
        self.assertEqual("1 passed, 0 failed, 0 skipped, 1 that must run did not", run.summary)
        self.assertIsNone(run.own_share)


class ReportTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.output = Path(directory.name)
        (self.output / f"{RECORD['test']}.json").write_text(json.dumps(RECORD))
        outcomes = report.with_records(stream.read(io.BytesIO(STREAM)), self.output)
        self.run_ = Run("Tests <here>", outcomes, 80.0, (TEST.format("missing"),))
        report.write(self.run_, {"lab-0": ARTICLE}, self.output)
        self.page = self.output / report.PAGE

    def test_junit(self) -> None:
        suite = ElementTree.parse(self.output / report.JUNIT).getroot()
        self.assertEqual(
            ("6", "3", "1"), tuple(suite.get(n) for n in ("tests", "failures", "skipped"))
        )
        cases = {case.get("name"): case for case in suite}
        failure = cases["test_fail"].find("failure")
        assert failure is not None
        self.assertEqual("AssertionError: <no>", failure.get("message"))
        self.assertIn("nova said", cases["test_fail"].findtext("system-out", ""))
        self.assertIsNotNone(cases["test_missing"].find("failure"))
        self.assertIsNotNone(cases["test_skip"].find("skipped"))

    def test_json(self) -> None:
        found = json.loads((self.output / report.JSON).read_text())
        self.assertFalse(found["good"])
        self.assertEqual(self.run_.summary, found["summary"])
        self.assertAlmostEqual(1.5 / 40, found["own_share"])

    def test_page(self) -> None:
        document = html.document_fromstring(self.page.read_text())
        self.assertEqual([], document.xpath("//@src | //link | //script"))
        opened = document.xpath("//div[@class='list']/details[@open]/@id")
        self.assertEqual(["#content", *(f"#{each}" for each in opened)], document.xpath("//@href"))
        self.assertEqual("Tests <here>", document.findtext(".//h1"))
        self.assertEqual(5, len(document.xpath("//div[@class='list']/details")))
        self.assertIn("test_missing", document.xpath("//ul")[0].text_content())
        (failed,) = document.xpath("//details[@class='verdict-failed']")
        words = failed.text_content()
        for word in ("nova says <node 1>", "AssertionError: <no>", "nova said", "1.5 s"):
            self.assertIn(word, words)

    def test_placements_and_time_of_a_test(self) -> None:
        document = html.document_fromstring(self.page.read_text())
        (failed,) = document.xpath("//details[@class='verdict-failed']")
        (picture,) = failed.xpath(".//figure/svg")
        self.assertIn("lab-0 after boot: server 0", picture.get("aria-label"))
        self.assertIn("vCPU 0 on CPU 2", picture.get("aria-label"))
        titles = picture.xpath(".//g/title/text()")
        for title in (
            f"{DEVICE}: server 0",
            "CPU 2, dedicated: server 0",
            "CPU 3, dedicated: free",
        ):
            self.assertIn(title, titles)
        bars = failed.xpath(".//div[@class='bar']/@aria-label")
        self.assertEqual(
            "boot 18.0 s, API calls 0.5 s, deletion 2.0 s, inspection 1.0 s, harness 0.5 s", bars[0]
        )
        self.assertEqual(["boot", "end"], failed.xpath(".//tbody//th/text()"))

    def test_one_that_passed_shows_the_same(self) -> None:
        passed = dataclasses.replace(self.run_.outcomes[0], record=RECORD)
        text = page.render(dataclasses.replace(self.run_, outcomes=(passed,)), {"lab-0": ARTICLE})
        (details,) = html.document_fromstring(text).xpath("//details")
        self.assertIsNone(details.get("open"))
        self.assertEqual(1, len(details.xpath(".//figure/svg")))
        self.assertIn("Where the time went", details.text_content())


class PlacementTest(unittest.TestCase):
    layouts: ClassVar = {"lab-0": ARTICLE, "lab-1": ARTICLE}

    def moments(self, *entries: dict[str, Any]) -> tuple[Moment, ...]:
        return moments(self.layouts, {"servers": entries})

    def test_what_a_server_has(self) -> None:
        (moment,) = moments(self.layouts, RECORD)
        first = moment.nodes[0]
        self.assertEqual(
            {"0": (0,), "1": (0,), "2": (0,), "3": ()}, {m.name: m.servers for m in first.cpus}
        )
        self.assertEqual(((0, 128),), first.memory)
        self.assertEqual([DEVICE], [m.name for n in moment.nodes for m in n.devices if m.servers])
        self.assertEqual((), moments({}, RECORD))

    def test_servers_of_one_step_are_together(self) -> None:
        (moment,) = self.moments(entry(0, "boot"), entry(1, "boot"))
        self.assertEqual("lab-0 after boot: server 0, 1", moment.title)
        self.assertEqual([0, 1], [number for number, _, _ in moment.servers])

    def test_a_step_that_changes_nothing_is_only_named(self) -> None:
        (moment,) = self.moments(entry(0, "boot"), entry(0, "stop"), entry(0, "start"))
        steps = ("boot: server 0", "stop: server 0", "start: server 0")
        self.assertEqual(steps, moment.steps)

    def test_a_move_changes_both_hosts(self) -> None:
        found = self.moments(entry(0, "boot"), entry(0, "migrate", "lab-1"))
        self.assertEqual(
            [("lab-0", [0]), ("lab-0", []), ("lab-1", [0])],
            [(moment.host, [number for number, _, _ in moment.servers]) for moment in found],
        )

    def test_one_that_left_is_not_there(self) -> None:
        _, after = self.moments(entry(0, "boot"), entry(0, "delete", None))
        self.assertEqual(("lab-0 after delete: server 0", ()), (after.title, after.servers))


class TimeSpentTest(unittest.TestCase):
    def test_every_second_is_in_one_kind(self) -> None:
        spent = time_spent.of(RECORD)
        self.assertAlmostEqual(22.0, sum(share.spent_s for share in spent.shares))
        self.assertEqual(["boot", "end"], [step.name for step in spent.steps])

    def test_waits_have_a_readers_words(self) -> None:
        for what, step, kind in (
            ("status", "boot", "boot"),
            ("status", "resize", "server status"),
            ("the report of server 5a2f", "report", "guest report"),
            ("what nobody foresaw", "boot", "other waits"),
        ):
            with self.subTest(what=what, step=step):
                phase = {"step": step, "servers": [], "begun_s": 0.0, "spent_s": 3.0}
                phases = [{**phase, "waited_s": {what: 3.0}, "worked_s": {}}]
                (share,) = time_spent.of({"total_s": 3.0, "phases": phases}).shares
                self.assertEqual(time_spent.Share(kind, 3.0), share)
