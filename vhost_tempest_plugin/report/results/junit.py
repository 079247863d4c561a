# SPDX-License-Identifier: Apache-2.0
"""A run as JUnit XML, as Jenkins and others read it."""

import re
from xml.etree import ElementTree

from vhost_tempest_plugin.report.results.outcome import Run, TestOutcome, TestVerdict

# What XML 1.0 has no place for.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(run: Run) -> str:
    """The document."""
    missing = [
        TestOutcome(name, TestVerdict.FAILED, "", 0.0, "it must run on this hardware and did not")
        for name in run.breaches
    ]
    cases = (*run.outcomes, *missing)
    suite = ElementTree.Element(
        "testsuite",
        name=run.title,
        tests=str(len(cases)),
        failures=str(sum(not case.verdict.is_good for case in cases)),
        errors="0",
        skipped=str(run.count(TestVerdict.SKIPPED)),
        time=f"{run.elapsed_s:.3f}",
    )
    for case in cases:
        _case(suite, case)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, outcome: TestOutcome) -> None:
    classname, _, name = outcome.test.rpartition(".")
    element = ElementTree.SubElement(
        suite, "testcase", classname=classname, name=name, time=f"{outcome.elapsed_s:.3f}"
    )
    reason = _FORBIDDEN.sub("?", outcome.reason)
    last = reason.strip().splitlines()[-1] if reason.strip() else str(outcome.verdict)
    if outcome.verdict is TestVerdict.SKIPPED:
        ElementTree.SubElement(element, "skipped", message=last)
    elif not outcome.verdict.is_good:
        ElementTree.SubElement(element, "failure", message=last).text = reason
    if outcome.logs and not outcome.verdict.is_good:
        logs = "\n".join(f"== {name}\n{text}" for name, text in outcome.logs.items())
        ElementTree.SubElement(element, "system-out").text = _FORBIDDEN.sub("?", logs)
