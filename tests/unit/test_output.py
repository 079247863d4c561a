# SPDX-License-Identifier: Apache-2.0
"""What the commands print for people: tables that fit 80 columns, verdicts, colours."""

import contextlib
import fcntl
import importlib.metadata
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import unittest
from collections.abc import Mapping, Sequence

from cliff.display import DisplayCommandBase

from tests.unit.recorded_host import recorded, subject
from tests.unit.test_cli import run
from vhost_tempest_plugin.cli import columns, main, verdicts
from vhost_tempest_plugin.cli.findings import FindingsCommand
from vhost_tempest_plugin.cli.lab import list as lab_list
from vhost_tempest_plugin.cli.output import Lister, Location, Moment, ShowOne
from vhost_tempest_plugin.cli.terminal import Terminal, Tone
from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Comparison, Finding
from vhost_tempest_plugin.host.checks.numa_topology import NumaTopology
from vhost_tempest_plugin.host.checks.pci_topology import PciTopology
from vhost_tempest_plugin.host.doctor.doctor import Diagnosis, DoctorVerdict

PLAIN = Terminal(80)
FAILED = Finding(
    "pci-topology",
    CheckVerdict.FAILED,
    "words",
    "other words",
    "start the host again",
    (
        Comparison("bus b4 node", "node 0", "node 0"),
        Comparison("bus b5 node", "node 0", "node 1"),
        Comparison("bus b6 node", "node 0", "node 1"),
        Comparison("bus b7 NICs", "", "0000:b7:00.0 8086:10d3, " * 5),
    ),
)
PASSED = Finding("kvm", CheckVerdict.PASSED, "it works", "it works")
LISTED = [
    ["lab", "up", "article", "2026.1", "lab-0 lab-1 lab-2", "the release's", "2026-11-30 00:11"],
    ["other", "down", "sriov", "2025.2", "other-0", "~/src/nova-of-a-branch", "2026-11-29 23:59"],
]


class Terminals(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


class Findings(FindingsCommand):
    """Finds what the test wants."""

    def find(self, parsed_args: object) -> Sequence[Finding]:
        return (PASSED, FAILED)


class Empty(Lister):
    """Lists nothing."""

    def take_action(self, parsed_args: object) -> tuple[Sequence[str], list[Sequence[str]]]:
        return ("name",), []


class TerminalTest(unittest.TestCase):
    def test_colours_only_where_they_are_shown(self) -> None:
        xterm = {"TERM": "xterm-256color"}
        for stream, environment, colours in (
            (Terminals(), xterm, True),
            (io.StringIO(), xterm, False),
            (Terminals(), {**xterm, "NO_COLOR": "1"}, False),
            (Terminals(), {"TERM": "dumb"}, False),
            (Terminals(), {}, False),
        ):
            with self.subTest(environment=environment):
                terminal = Terminal.of(stream, environment)
                self.assertIs(colours, terminal.colours)
                self.assertIs(colours, "\x1b" in terminal.paint("word", Tone.BAD))

    def test_columns(self) -> None:
        self.assertEqual(72, Terminal.of(Terminals(), {"COLUMNS": "72"}).columns)
        self.assertEqual(40, Terminal.of(Terminals(), {"COLUMNS": "7"}).columns)
        self.assertGreater(Terminal.of(io.StringIO(), {"COLUMNS": ""}).columns, 80)


class TableTest(unittest.TestCase):
    def assert_fits(self, text: str) -> None:
        self.assertLessEqual(max(map(len, text.splitlines())), PLAIN.columns, text)

    def test_it_wraps_between_words(self) -> None:
        names = ("name", "state", "topology", "release", "hosts", "nova", "created")
        text = columns.table(names, LISTED, PLAIN)
        self.assert_fits(text)
        for row in LISTED:
            for word in " ".join(row).split():
                self.assertIn(word, text.split())

    def test_numbers_are_to_the_right(self) -> None:
        text = columns.table(("name", "CPUs"), [["a", 8], ["b", 16]], PLAIN)
        self.assertEqual("name  CPUs\na        8\nb       16\n", text)
        text = columns.table(("part", "pid"), [["a", None], ["b", 16]], PLAIN)
        self.assertEqual("part  pid\na\nb      16\n", text)

    def test_what_does_not_fit_is_a_record(self) -> None:
        path = "/a/long/path" * 5
        text = columns.table(("name", "one", "two"), [["a", path, path], ["b", "", "c"]], PLAIN)
        self.assertEqual(f"name  a\none   {path}\ntwo   {path}\n\nname  b\ntwo   c\n", text)

    def test_records_of_a_lab(self) -> None:
        self.assertRegex(str(Moment("2026-11-30T00:11:39+00:00")), r"^\d{4}-\d\d-\d\d \d\d:\d\d$")
        self.assertEqual("?", str(Moment("?")))
        self.assertEqual("/elsewhere", str(Location("/elsewhere")))
        self.assertTrue(issubclass(lab_list.List, Lister))

    def test_nothing_is_said(self) -> None:
        self.assertEqual((0, "none\n", ""), run("empty", empty=Empty))


class VerdictsTest(unittest.TestCase):
    def lines(self, finding: Finding, *, verbose: bool = False) -> list[str]:
        entry = verdicts.of_finding(finding, PLAIN, verbose=verbose)
        lines = verdicts.render([entry], PLAIN).splitlines()
        self.assertLessEqual(max(map(len, lines)), PLAIN.columns)
        return lines

    def test_a_check_that_passed_is_one_line(self) -> None:
        whole = subject()
        for check in (NumaTopology(), PciTopology()):
            finding = check.run(whole)
            self.assertEqual([f"{check.name}  passed"], self.lines(finding))
            more = self.lines(finding, verbose=True)
            self.assertGreater(len(more), len(finding.compared))
        self.assertEqual(["kvm  passed", "    it works"], self.lines(PASSED, verbose=True))

    def test_a_failed_one_has_its_differences_and_the_hint_on_its_own_line(self) -> None:
        self.assertEqual(
            [
                "pci-topology  failed  3 of 4 items differ",
                "    bus b5 node, bus b6 node: expected node 0, observed node 1",
                "    bus b7 NICs:",
                "      expected nothing",
                "      observed 0000:b7:00.0 8086:10d3, 0000:b7:00.0 8086:10d3, 0000:b7:00.0",
                "        8086:10d3, 0000:b7:00.0 8086:10d3, 0000:b7:00.0 8086:10d3,",
                "    hint: start the host again",
            ],
            self.lines(FAILED),
        )

    def test_a_cpu_elsewhere_is_two_items(self) -> None:
        text = recorded("sriov").replace("node/node1/cpulist:4-5", "node/node1/cpulist:4")
        lines = self.lines(NumaTopology().run(subject(text)))
        self.assertIn("    node 1 CPUs: expected 4-5, observed 4", lines)
        self.assertFalse([line for line in lines if "node 0 memory" in line])

    def test_why_one_does_not_apply(self) -> None:
        finding = Finding("vfio", CheckVerdict.NOT_APPLICABLE, "the topology has no IOMMU", "")
        self.assertEqual(["vfio  not-applicable  the topology has no IOMMU"], self.lines(finding))

    def test_doctor(self) -> None:
        well = Diagnosis("disk", DoctorVerdict.OK, "9 MiB", "8 MiB")
        lacking = Diagnosis("dot", DoctorVerdict.MISSING, "no", "for SVG", "install it")
        entries = [verdicts.of_diagnosis(each, PLAIN, verbose=False) for each in (well, lacking)]
        self.assertEqual(
            ["disk  ok", "dot   missing", "observed: no", "needed: for SVG", "hint: install it"],
            [line.strip() for line in verdicts.render(entries, PLAIN).splitlines()],
        )

    def test_colours_do_not_shift_the_columns(self) -> None:
        entries = [verdicts.of_finding(each, PLAIN, verbose=False) for each in (PASSED, FAILED)]
        coloured = verdicts.render(entries, Terminal(80, colours=True))
        self.assertIn("\x1b[1;31mfailed\x1b[0m  3 of 4", coloured)
        for code in ("\x1b[0m", *(f"\x1b[{tone}m" for tone in Tone)):
            coloured = coloured.replace(code, "")
        self.assertEqual(verdicts.render(entries, PLAIN), coloured)


class FindingsCommandTest(unittest.TestCase):
    def test_text_and_exit_code(self) -> None:
        code, out, _ = run("find", find=Findings)
        self.assertEqual(1, code)
        self.assertEqual("kvm           passed", out.splitlines()[0])
        self.assertEqual("1 passed, 1 failed", out.splitlines()[-1])
        self.assertIn("    it works", run("find", "--verbose", find=Findings)[1].splitlines())

    def test_json_keeps_everything(self) -> None:
        _, out, _ = run("find", "--format", "json", find=Findings)
        rows = json.loads(out)
        self.assertEqual(4, len(rows[1]["compared"]))
        self.assertEqual(
            {"item": "bus b5 node", "expected": "node 0", "observed": "node 1"},
            rows[1]["compared"][1],
        )

    def test_chosen_columns_are_a_table(self) -> None:
        _, out, _ = run("find", "-c", "check", "-c", "verdict", find=Findings)
        self.assertEqual("check         verdict", out.splitlines()[0])


class EveryCommandTest(unittest.TestCase):
    def test_every_table_fits(self) -> None:
        listers = []
        for point in importlib.metadata.entry_points(group=main.NAMESPACE):
            command = point.load()
            if issubclass(command, DisplayCommandBase):
                self.assertTrue(issubclass(command, Lister | ShowOne), point.name)
                listers.append(point.name)
        self.assertLessEqual({"list", "check", "doctor", "lab_list", "lab_check"}, set(listers))

    def test_on_a_terminal_of_80_columns(self) -> None:
        for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
            with self.subTest(environment=environment):
                text = on_terminal(["topology", "list"], environment)
                self.assertIs(coloured, "\x1b[" in text)
                plain = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
                self.assertIn("article", [line.split()[0] for line in plain])
                self.assertLessEqual(max(map(len, plain)), 80)


def on_terminal(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a command prints on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    with os.fdopen(ours, "rb", buffering=0) as reader:
        with os.fdopen(theirs, "wb") as writer:
            subprocess.run(
                [sys.executable, "-m", "vhost_tempest_plugin.cli.main", *words],
                env={**inherited, "TERM": "xterm", **environment},
                stdout=writer,
                check=True,
            )
        parts = []
        # Linux ends a terminal that nobody has open with EIO.
        with contextlib.suppress(OSError):
            while part := reader.read(4096):
                parts.append(part)
    return b"".join(parts).decode()
