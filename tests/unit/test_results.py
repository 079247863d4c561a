# SPDX-License-Identifier: Apache-2.0
"""What is made of the subunit stream of a run."""

import io
import json
import tempfile
import unittest
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import subunit
from lxml import html

from vhost_tempest_plugin.report.results import Run, TestOutcome, TestVerdict, report, stream
from vhost_tempest_plugin.report.results.picture import moments
from vhost_tempest_plugin.topology import catalog

BEGUN = datetime(2026, 11, 24, 12, tzinfo=UTC)
TEST = "vhost_tempest_plugin.scenario.test_x.XTest.test_{}"
ARTICLE = catalog.find("article")
DEVICE = "0000:b5:00.0"
RECORD = {
    "test": TEST.format("fail"),
    "waited_s": {"status": 20.5},
    "own_s": 1.5,
    "servers": [
        {
            "server": 0,
            "step": "boot",
            "host": "lab-0",
            "request": "Request(...)",
            "nodes": [
                {
                    "node": 0,
                    "pins": {"0": 2},
                    "floating": "0-1",
                    "memory_mib": 128,
                    "page_size_kib": 4,
                }
            ],
            "devices": [DEVICE],
            "emulator": "0-1",
        }
    ],
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
    """What stestr tells of a test before it runs."""
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

    def test_each_is_told_as_it_comes_and_the_stream_is_kept(self) -> None:
        told: list[TestOutcome] = []
        begun: list[str] = []
        with tempfile.TemporaryDirectory() as directory:
            source = Path(directory) / "source"
            source.write_bytes(STREAM)
            with source.open("rb") as file:
                copy = Path(directory) / "copy"
                outcomes = stream.copied(file, copy, told.append, begun.append)
            self.assertEqual(STREAM, copy.read_bytes())
        self.assertEqual(outcomes, tuple(told))
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
        self.page = report.write(self.run_, {"lab-0": ARTICLE}, self.output)

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
        text = self.page.read_text()
        document = html.document_fromstring(text)
        self.assertEqual([], document.xpath("//@src | //link | //script"))
        failed = document.xpath("//details[contains(@class, 'test') and @open]/@id")
        self.assertEqual([f"#{each}" for each in failed], document.xpath("//@href"))
        self.assertTrue(failed)
        self.assertEqual("Tests <here>", document.findtext(".//h1"))
        self.assertEqual(5, len(document.xpath("//details[contains(@class, 'test')]")))
        (failed,) = document.xpath("//details[contains(@class, 'failed') and @open][1]")
        words = failed.text_content()
        for word in ("nova says <node 1>", "AssertionError: <no>", "nova said", "guest 0", "1.5 s"):
            self.assertIn(word, words)
        (device,) = failed.xpath(f".//span[text() = '{DEVICE}']")
        self.assertEqual("guest 0", device.get("title"))
        self.assertIn("test_missing", document.xpath("//ul")[0].text_content())

    def test_picture(self) -> None:
        (moment,) = moments({"lab-0": ARTICLE}, RECORD)
        first = moment.nodes[0]
        self.assertEqual(
            {"0": (0,), "1": (0,), "2": (0,), "3": ()}, {m.name: m.guests for m in first.cpus}
        )
        self.assertEqual(((0, 128),), first.memory)
        self.assertEqual([DEVICE], [m.name for n in moment.nodes for m in n.devices if m.guests])
        self.assertEqual((), moments({}, RECORD))
