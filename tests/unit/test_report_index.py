# SPDX-License-Identifier: Apache-2.0
"""The page that leads to everything a run has left."""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from lxml import html

from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Finding
from vhost_tempest_plugin.lab import test_artifacts
from vhost_tempest_plugin.lab.tempest import ERRORS, LOG, Workspace
from vhost_tempest_plugin.report import host_report, index
from vhost_tempest_plugin.report.host_page import Report
from vhost_tempest_plugin.report.results import Run, TestOutcome, TestVerdict, mutation, report

PASSED = TestOutcome("a.test_x.XTest.test_y", TestVerdict.PASSED, "", 1.0)
FAILED = Finding("kvm", CheckVerdict.FAILED, "e", "o", "hint")


class IndexTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.output = Path(directory.name) / "report"
        self.output.mkdir()

    def write(self, name: str, text: str = "text\n") -> Path:
        path = self.output.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def document(self) -> Any:
        return html.document_fromstring((self.output / index.INDEX).read_text())

    def links(self) -> set[str]:
        return {link for link in self.document().xpath("//@href") if link != "#content"}

    def test_it_leads_to_all_results_of_one_directory(self) -> None:
        run = Run("Tests on <lab>", (PASSED,), 1.0)
        self.assertEqual(self.output / index.INDEX, report.write(run, {}, self.output))
        host = Report("Host lab-0", "lead", (), (FAILED,), "<svg/>")
        host_report.save(host, self.output, "lab-0")
        mutation.write(mutation.Mutation("Mutants", (), (), 1.0), self.output)
        self.write("report/tests.subunit")
        self.write("report/tempest.conf")
        self.write("report/records/a.test_x.XTest.test_y.json", "{}")
        self.write("report/logs/nova-scheduler.log")
        index.write(self.output)
        written = {
            str(path.relative_to(self.output))
            for path in self.output.rglob("*")
            if path.is_file() and path.name != index.INDEX
        }
        self.assertEqual(written, self.links())
        words = " ".join(" ".join(self.document().find(".//main").itertext()).split())
        self.assertIn("Tests on <lab> passed : 1 passed, 0 failed, 0 skipped", words)
        self.assertIn("Host lab-0 failed : 1 failed", words)

    def test_what_is_not_ours_is_not_listed(self) -> None:
        self.write("report/other.html", "<html>")
        self.write("report/other.json", "[]")
        self.write("report/private.key")
        index.write(self.output)
        self.assertEqual(set(), self.links())

    def test_the_page_of_a_host_is_kept_beside_those_of_others(self) -> None:
        for name in ("lab-0", "lab-1"):
            page = host_report.save(Report(f"Host {name}", "", (), (), "<svg/>"), self.output, name)
            self.assertIn("<svg/>", page.read_text())
        self.assertLessEqual({"lab-0.html", "lab-0.json", "lab-1.html"}, self.links())
        found = json.loads((self.output / "lab-1.json").read_text())
        self.assertTrue(found["good"])

    def test_a_test_run_leaves_what_explains_it_without_secrets(self) -> None:
        workspace = Workspace("lab", self.output.parent / "tempest", {})
        self.write("tempest/etc/tempest.conf", "password = secret\n")
        self.write(f"tempest/{LOG}", "said secret\n")
        self.write(f"tempest/{ERRORS}", "error\n")
        self.write("tempest/records/a.XTest.test_y.json", "{}")
        self.write("report/records/of.an.earlier.run.json", "{}")
        services = self.write("services/any.log", "scheduled\n")
        lab = mock.Mock(settings=mock.Mock(log=lambda service: services))
        with (
            mock.patch.object(test_artifacts.Lab, "find", return_value=lab),
            mock.patch.object(
                test_artifacts.failure, "mask", lambda text, hidden: text.replace("secret", "***")
            ),
            mock.patch.object(test_artifacts.logs, "lines", side_effect=OSError("no answer")),
        ):
            test_artifacts.keep(workspace, self.output)
        index.write(self.output)
        self.assertLessEqual(
            {
                *("tempest.conf", "logs/tempest.log", "logs/tempest.err", "logs/placement.log"),
                *("records/a.XTest.test_y.json", "collected.json"),
            },
            self.links(),
        )
        self.assertNotIn("records/of.an.earlier.run.json", self.links())
        for link in self.links():
            self.assertNotIn("secret", (self.output / link).read_text())
        self.assertIn("no answer", (self.output / "collected.json").read_text())
