# SPDX-License-Identifier: Apache-2.0
"""Run all test suites and end with what failed, why, and ``N passed, N failed, N skipped``.

Fails too where a suite has no tests at all, and where a test was skipped for a reason that
is not in ``tests/expected_skips.txt``: a green run must mean that everything ran.

    run_tests.py [SUITE...]     unit, docs, functional, bats, e2e; all of them where none is named
"""

import itertools
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import subunit
import testtools

from vhost_tempest_plugin.util import service_account

TOP = Path(__file__).resolve().parent.parent
STESTR = Path(sys.executable).with_name("stestr")
EXPECTED_SKIPS = TOP / "tests" / "expected_skips.txt"
# How many lines of a failure are printed at the end: a log may hold no more.
_REASON_LINES = 12
_TAP = re.compile(r"(?P<not>not )?ok \d+ (?P<name>.*?)(?: # skip ?(?P<reason>.*))?\Z")


@dataclass
class Totals:
    """What came of a suite; ``failures`` and ``skips`` hold (test, reason)."""

    passed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    skips: list[tuple[str, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.passed + len(self.failures) + len(self.skips)

    def add(self, other: "Totals") -> None:
        self.passed += other.passed
        self.failures += other.failures
        self.skips += other.skips

    def require(self, status: int, program: str) -> None:
        """A program that says that something failed, and not what, is itself what failed."""
        if status != 0 and not self.failures:
            self.failures.append((program, f"exit code {status}"))

    def __str__(self) -> str:
        return f"{self.passed} passed, {len(self.failures)} failed, {len(self.skips)} skipped"


class Lines(testtools.StreamResult):
    """Prints a line for each test when it has ended."""

    _ENDS = frozenset(("success", "fail", "skip", "xfail", "uxsuccess"))

    def status(self, test_id=None, test_status=None, **_: object) -> None:
        if test_id is not None and test_status in self._ENDS:
            print(f"{test_status:9} {test_id}", flush=True)


def from_subunit(stream: BinaryIO) -> Totals:
    """Count the tests of a subunit v2 stream, and print each as it ends.

    One that never ended counts as failed.
    """
    summary = testtools.StreamSummary()
    result = testtools.CopyStreamResult([summary, Lines()])
    result.startTestRun()
    subunit.ByteStreamToStreamResult(stream, non_subunit_name="other").run(result)
    result.stopTestRun()
    failures = [(case.id(), reason) for case, reason in (*summary.errors, *summary.failures)]
    failures += [(case.id(), "unexpected success") for case in summary.unexpectedSuccesses]
    skips = [(case.id(), reason) for case, reason in summary.skipped]
    return Totals(summary.testsRun - len(failures) - len(skips), failures, skips)


def from_tap(text: str) -> Totals:
    """Count the tests of the Test Anything Protocol; planned ones that are missing failed."""
    totals = Totals()
    planned = 0
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if plan := re.match(r"1\.\.(\d+)", line):
            planned = int(plan[1])
        elif result := _TAP.match(line):
            name = f"bats: {result['name']}"
            if result["reason"] is not None:
                totals.skips.append((name, result["reason"]))
            elif result["not"]:
                said = itertools.takewhile(lambda line: line.startswith("#"), lines[number + 1 :])
                totals.failures.append((name, "\n".join(said)))
            else:
                totals.passed += 1
    totals.failures += [("bats", "one that never ended")] * (planned - totals.count)
    return totals


def stestr(directory: str, *, serial: bool, drops_root: bool = False) -> Totals:
    """Run the tests under *directory*, in one process where *serial*.

    :param drops_root: where this is root, run them as the account of root's commands, whose cache
        they share
    """
    command = [str(STESTR), "--test-path", directory]
    user: dict[str, Any] = {}
    if drops_root and os.geteuid() == 0:
        vhost = service_account.prepare((TOP,), (), print)
        command += ["--repo-url", str(service_account.HOME)]
        user["env"] = vhost.environment(os.environ)
        user |= {"user": vhost.uid, "group": vhost.gid, "extra_groups": vhost.groups}
    command += ["run", "--subunit", *(["--serial"] if serial else [])]
    with subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, **user) as ran:
        assert ran.stdout is not None  # noqa: S101 - it is a pipe
        totals = from_subunit(ran.stdout)
    totals.require(ran.returncode, f"stestr {directory}")
    return totals


def bats(directory: str) -> Totals:
    """Run the shell tests under *directory*."""
    command = ["bats", "--tap", directory]
    ran = subprocess.run(command, cwd=TOP, check=False, stdout=subprocess.PIPE, text=True)
    print(ran.stdout, end="", flush=True)
    totals = from_tap(ran.stdout)
    totals.require(ran.returncode, f"bats {directory}")
    return totals


def docs() -> Totals:
    """Build the documentation and the release notes; a warning is an error."""
    sphinx = [sys.executable, "-P", "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    totals = Totals()
    for name, command in (
        ("documentation", [*sphinx, "doc/source", "doc/build/html"]),
        ("release notes", [*sphinx, "releasenotes/source", "releasenotes/build/html"]),
        ("reno lint", [str(Path(sys.executable).with_name("reno")), "-q", "lint"]),
    ):
        ran = subprocess.run(
            command,
            cwd=TOP,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if ran.returncode:
            print(ran.stdout, end="", flush=True)
            totals.failures.append((f"docs: {name}", ran.stdout))
        else:
            totals.passed += 1
    return totals


SUITES: dict[str, Callable[[], Totals]] = {
    "unit": lambda: stestr("./tests/unit", serial=False),
    "docs": docs,
    "functional": lambda: stestr("./tests/functional", serial=True, drops_root=True),
    "bats": lambda: bats("tests/functional"),
    "e2e": lambda: stestr("./tests/e2e", serial=True),
}


def unexpected(skips: list[tuple[str, str]], expected: str) -> list[tuple[str, str]]:
    """The skips that no line ``<pattern of the test>: <pattern of the reason>`` allows."""
    lines = [line for line in expected.splitlines() if line.strip() and not line.startswith("#")]
    rules = [line.split(": ", 1) for line in lines]
    return [
        (test, reason)
        for test, reason in skips
        if not any(re.search(t, test) and re.search(r, reason) for t, r in rules)
    ]


def shortened(reason: str) -> str:
    """The last lines of why a test failed, each behind four blanks."""
    lines = [line for line in reason.splitlines() if line.strip()]
    return textwrap.indent("\n".join(lines[-_REASON_LINES:]), "    ")


def main(names: list[str]) -> int:
    """Run the named suites, all without a name; 0 where everything ran and passed."""
    totals = Totals()
    complaints: list[str] = []
    for name in names or SUITES:
        print(f"== {name}", flush=True)
        suite = SUITES[name]()
        if suite.count == 0:
            complaints.append(f"{name}: no tests ran at all")
        totals.add(suite)
    for test, reason in unexpected(totals.skips, EXPECTED_SKIPS.read_text(encoding="utf-8")):
        complaints.append(f"unexpectedly skipped: {test}: {reason}")
    complaints += [f"failed: {test}\n{shortened(reason)}" for test, reason in totals.failures]
    for complaint in complaints:
        print(complaint)
    print(totals)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
