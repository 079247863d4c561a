# SPDX-License-Identifier: Apache-2.0
"""The page of a host."""

import unittest
from typing import Any

from lxml import html

from tests.unit.recorded_host import recorded, subject
from vhost_tempest_plugin.host.checks.default_network_off import DefaultNetworkOff
from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Finding
from vhost_tempest_plugin.host.checks.numa_topology import NumaTopology
from vhost_tempest_plugin.report.host_page import Report

PICTURE = "<?xml?>\n<!DOCTYPE svg>\n<svg><title>host</title></svg>"


def page(*findings: Finding) -> Any:
    """The page, read back."""
    report = Report("Host <one>", "lead", (("Image", "<none>"),), findings, PICTURE)
    return html.document_fromstring(report.html())


class HostPageTest(unittest.TestCase):
    def test_it_begins_with_its_picture(self) -> None:
        document = page(NumaTopology().run(subject()))
        (figure,) = document.xpath("//figure[svg]")
        self.assertEqual(["h1", "p"], [e.tag for e in figure.itersiblings(preceding=True)][::-1])
        self.assertIn("its NUMA nodes", figure.get("aria-label"))

    def test_a_check_that_passed_is_one_line_that_opens(self) -> None:
        finding = NumaTopology().run(subject())
        (details,) = page(finding).xpath("//details")
        self.assertIsNone(details.get("open"))
        words = details.find("summary").text_content().split()
        self.assertEqual(["passed", "numa-topology", str(len(finding.compared)), "items"], words)
        rows = details.xpath(".//tbody/tr")
        self.assertEqual(len(finding.compared), len(rows))

    def test_one_that_failed_shows_only_what_differs(self) -> None:
        text = recorded("sriov").replace("node/node1/cpulist:4-5", "node/node1/cpulist:4")
        (details,) = page(NumaTopology().run(subject(text))).xpath("//details")
        self.assertIsNotNone(details.get("open"))
        rows = [[cell.text_content() for cell in row] for row in details.xpath(".//table/tbody/tr")]
        self.assertIn(["node 1 CPUs", "4-5", "4"], rows)
        self.assertFalse([row for row in rows if row[1] == row[2]])
        self.assertIn("Hint: ", details.xpath(".//p[@class='hint']")[0].text_content())

    def test_one_without_items(self) -> None:
        finding = DefaultNetworkOff().run(subject())
        (details,) = page(finding).xpath("//details")
        self.assertEqual(
            [finding.expected, finding.observed], [dd.text for dd in details.findall(".//dd")]
        )

    def test_the_sum(self) -> None:
        for verdict, tone in (
            (CheckVerdict.PASSED, "good"),
            (CheckVerdict.NOT_APPLICABLE, "good"),
            (CheckVerdict.FAILED, "bad"),
        ):
            with self.subTest(verdict=verdict):
                (found,) = page(Finding("x", verdict, "e", "o")).xpath(
                    "//*[contains(@class,'sum')]"
                )
                self.assertEqual((f"1 {verdict}", f"sum {tone}"), (found.text, found.get("class")))

    def test_it_is_alone_and_everything_is_escaped(self) -> None:
        document = page(Finding("x", CheckVerdict.FAILED, "<b>", "<i>", "<u>"))
        self.assertEqual([], document.xpath("//@src | //link | //script | //b | //i | //u"))
        self.assertEqual(["#content"], document.xpath("//@href"))
        self.assertEqual("Host <one>", document.findtext(".//h1"))
        self.assertEqual("content", document.find(".//main").get("id"))
