# SPDX-License-Identifier: Apache-2.0
"""The runner's arithmetic: its last line is what a verdict is read from."""

import contextlib
import importlib.util
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import subunit
import testtools

_SPEC = importlib.util.spec_from_file_location(
    "run_tests", Path(__file__).resolve().parents[2] / "tools" / "run_tests.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
run_tests = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(run_tests)


class Samples:
    """Keeps the sample out of the loader's sight."""

    class Test(unittest.TestCase):
        def test_passes(self) -> None:
            pass

        def test_fails(self) -> None:
            self.fail("on purpose")

        def test_errs(self) -> None:
            raise RuntimeError("on purpose")

        def test_skips(self) -> None:
            self.skipTest("no KVM")


def stream(*names: str) -> bytes:
    """The subunit stream of some of the sample's tests."""
    output = io.BytesIO()
    result = testtools.ExtendedToStreamDecorator(subunit.StreamResultToBytes(output))
    result.startTestRun()
    unittest.TestSuite(Samples.Test(name) for name in names).run(result)
    result.stopTestRun()
    return output.getvalue()


class StestrTest(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.object(run_tests, "TOP", self.top))
        self.said = self.enterContext(contextlib.redirect_stdout(io.StringIO()))
        (self.top / "tests").mkdir()
        (self.top / "tests/__init__.py").touch()
        self.module = self.top / "tests/test_one.py"

    def run_them(self, body: str) -> str:
        self.module.write_text(
            "import unittest\n\nclass T(unittest.TestCase):\n    def test_it(self) -> None:\n"
            f"        {body}\n"
        )
        return str(run_tests.stestr("./tests", serial=True))

    def test_a_run_that_cannot_start_has_no_counts_of_the_one_before(self) -> None:
        self.assertEqual("1 passed, 0 failed, 0 skipped", self.run_them("pass"))
        self.assertIn("success   tests.test_one.T.test_it", self.said.getvalue())
        with mock.patch.object(run_tests, "STESTR", Path("/bin/false")):
            totals = run_tests.stestr("./tests", serial=True)
        self.assertEqual("0 passed, 1 failed, 0 skipped", str(totals))
        self.assertEqual([("stestr ./tests", "exit code 1")], totals.failures)

    def test_one_that_fails(self) -> None:
        self.assertEqual("0 passed, 1 failed, 0 skipped", self.run_them("self.fail('why')"))
        self.assertIn("fail      tests.test_one.T.test_it", self.said.getvalue())

    def test_one_that_cannot_be_imported(self) -> None:
        self.assertEqual("0 passed, 1 failed, 0 skipped", self.run_them("("))


class TotalsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(contextlib.redirect_stdout(io.StringIO()))

    def test_from_subunit(self) -> None:
        totals = run_tests.from_subunit(
            io.BytesIO(stream("test_passes", "test_fails", "test_errs", "test_skips"))
        )
        self.assertEqual("1 passed, 2 failed, 1 skipped", str(totals))
        self.assertEqual("no KVM", totals.skips[0][1])
        reasons = {name.rsplit(".")[-1]: reason for name, reason in totals.failures}
        self.assertEqual({"test_errs", "test_fails"}, set(reasons))
        self.assertEqual("RuntimeError: on purpose", reasons["test_errs"].splitlines()[-1])

    def test_a_test_that_never_ended_failed(self) -> None:
        output = io.BytesIO()
        subunit.StreamResultToBytes(output).status(test_id="a.b", test_status="inprogress")
        self.assertEqual(
            "0 passed, 1 failed, 0 skipped",
            str(run_tests.from_subunit(io.BytesIO(output.getvalue()))),
        )

    def test_from_tap(self) -> None:
        said = "# (in test file)\n#  `false' failed"
        text = f"1..5\nok 1 one\nnot ok 2 two\n{said}\nok 3 three # skip no bats\nok 4 four\n"
        totals = run_tests.from_tap(text)
        self.assertEqual("2 passed, 2 failed, 1 skipped", str(totals))
        self.assertEqual([("bats: three", "no bats")], totals.skips)
        failures = [("bats: two", said), ("bats", "one that never ended")]
        self.assertEqual(failures, totals.failures)

    def test_sum(self) -> None:
        totals = run_tests.Totals(1, [("x", "w")], [("a", "b")])
        totals.add(run_tests.Totals(10, [("y", "w"), ("z", "w")], [("c", "d")]))
        self.assertEqual("11 passed, 3 failed, 2 skipped", str(totals))

    def test_a_program_that_fails_without_a_test(self) -> None:
        totals = run_tests.Totals(1)
        totals.require(0, "stestr")
        self.assertEqual([], totals.failures)
        totals.require(2, "stestr")
        self.assertEqual([("stestr", "exit code 2")], totals.failures)
        totals.require(2, "stestr")
        self.assertEqual(1, len(totals.failures))

    def test_skips_that_nobody_expected(self) -> None:
        skips = [("tests.e2e.test_igb", "this QEMU has no igb"), ("tests.e2e.test_up", "no disk")]
        rules = "# a comment\n\ntest_igb: has no igb\ntest_up: no memory\n"
        self.assertEqual(skips[1:], run_tests.unexpected(skips, rules))

    def test_a_reason_is_shortened_to_its_end(self) -> None:
        shown = run_tests.shortened("".join(f"{number}\n\n" for number in range(20)))
        self.assertEqual([f"    {number}" for number in range(8, 20)], shown.splitlines())
