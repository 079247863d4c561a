# SPDX-License-Identifier: Apache-2.0
"""Verdicts for people: one line for what is well, the differences and a hint for what is not."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from vhost_tempest_plugin.cli.terminal import Terminal, Tone
from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Comparison, Finding
from vhost_tempest_plugin.host.doctor import doctor

_INDENT = "    "
_NOTHING = "nothing"
_TONES = {
    CheckVerdict.PASSED: Tone.GOOD,
    CheckVerdict.NOT_APPLICABLE: Tone.SOFT,
    doctor.DoctorVerdict.OK: Tone.GOOD,
    doctor.DoctorVerdict.WARNING: Tone.WARNING,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One verdict.

    :param brief: what is on its line beside the verdict
    :param details: the lines below it
    """

    name: str
    verdict: CheckVerdict | doctor.DoctorVerdict
    brief: str = ""
    details: tuple[str, ...] = ()
    hint: str = ""


def of_finding(finding: Finding, terminal: Terminal, *, verbose: bool) -> Entry:
    """What a check found; with *verbose* also the items that are as they should be."""
    details: list[str] = []
    if finding.verdict is CheckVerdict.NOT_APPLICABLE:
        return Entry(finding.check, finding.verdict, finding.expected)
    if finding.verdict is not CheckVerdict.PASSED:
        details += _differences(finding, terminal)
    if verbose:
        agreeing = [f"{each.item}: {each.observed}" for each in finding.compared if each.agrees]
        if finding.verdict is CheckVerdict.PASSED and not finding.compared:
            agreeing = [finding.observed]
        details += _wrapped(agreeing, terminal)
    brief = ""
    if finding.differences:
        brief = f"{len(finding.differences)} of {len(finding.compared)} items differ"
    return Entry(finding.check, finding.verdict, brief, tuple(details), finding.hint)


def of_diagnosis(diagnosis: doctor.Diagnosis, terminal: Terminal, *, verbose: bool) -> Entry:
    """What ``vhost doctor`` found; with *verbose* also what is well."""
    details: list[str] = []
    if verbose or diagnosis.verdict is not doctor.DoctorVerdict.OK:
        details = _wrapped(
            [f"observed: {diagnosis.observed}", f"needed: {diagnosis.needed}"], terminal
        )
    return Entry(diagnosis.name, diagnosis.verdict, "", tuple(details), diagnosis.hint)


def render(entries: Sequence[Entry], terminal: Terminal) -> str:
    """All entries."""
    names = max((len(entry.name) for entry in entries), default=0)
    verdicts = max((len(entry.verdict) for entry in entries), default=0)
    lines = []
    for entry in entries:
        verdict = terminal.paint(entry.verdict.ljust(verdicts), _TONES.get(entry.verdict, Tone.BAD))
        room = max(terminal.columns - names - verdicts - 4, 20)
        first, *rest = textwrap.wrap(entry.brief, room) or [""]
        lines.append(f"{entry.name.ljust(names)}  {verdict}  {first}".rstrip())
        lines += [f"{' ' * (names + verdicts + 4)}{line}" for line in rest]
        lines += entry.details
        if entry.hint:
            lines += _wrapped([f"hint: {entry.hint}"], terminal)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _differences(finding: Finding, terminal: Terminal) -> list[str]:
    """Each item that differs; those that differ in the same way are named together."""
    if finding.verdict is CheckVerdict.ERROR:
        return _wrapped([finding.observed], terminal)
    if not finding.differences:
        whole = [f"expected: {finding.expected}", f"observed: {finding.observed}"]
        return _wrapped(whole, terminal)
    alike: dict[tuple[str, str], list[Comparison]] = {}
    for each in finding.differences:
        alike.setdefault((each.expected, each.observed), []).append(each)
    lines = []
    for (expected, observed), items in alike.items():
        names = ", ".join(each.item for each in items)
        values = (f"expected {expected or _NOTHING}", f"observed {observed or _NOTHING}")
        line = f"{_INDENT}{names}: {', '.join(values)}"
        if len(line) <= terminal.columns:
            lines.append(line)
        else:
            lines += _wrapped([f"{names}:"], terminal)
            lines += _wrapped(values, terminal, _INDENT + "  ")
    return lines


def _wrapped(lines: Sequence[str], terminal: Terminal, indent: str = _INDENT) -> list[str]:
    wrapped = []
    for line in lines:
        wrapped += textwrap.wrap(
            line,
            terminal.columns,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return wrapped
