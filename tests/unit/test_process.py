# SPDX-License-Identifier: Apache-2.0
"""A program that is ended takes with it all that it has started."""

import os
import resource
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

import psutil

from vhost_tempest_plugin.errors import CommandError, TooMuchOutputError
from vhost_tempest_plugin.util import followed_program, process, speed

_LIMIT_S = 20
# Its children's pids go to a file, since nobody reads the output of one that is ended.
_FAMILY = 'sleep 470 & echo $! >> "$0"; sleep 470 & echo $! >> "$0"; wait'
# Neither it nor its child does what SIGTERM asks for.
_STUBBORN = 'trap "" TERM; sleep 470 & echo $! >> "$0"; wait; wait; sleep 470'


class FamilyTest(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.pids = self.directory / "pids"
        self.pids.touch()
        self.addCleanup(self.kill)

    def argv(self, script: str) -> list[str | Path]:
        return ["sh", "-c", script, self.pids]

    def children(self, count: int) -> list[int]:
        self.eventually(lambda: self.pids.read_text().count("\n") >= count)
        return [int(line) for line in self.pids.read_text().split()]

    def eventually(self, condition: object) -> None:
        end_s = time.monotonic() + _LIMIT_S * speed.timeout_scale()
        while not condition():  # type: ignore[operator]
            self.assertLess(time.monotonic(), end_s, "it did not happen")
            os.sched_yield()

    def assert_gone(self, count: int) -> None:
        children = self.children(count)
        self.eventually(lambda: not any(map(_runs, children)))

    def kill(self) -> None:
        for pid in self.pids.read_text().split():
            if _runs(int(pid)):
                os.kill(int(pid), signal.SIGKILL)

    def test_a_timeout(self) -> None:
        with self.assertRaisesRegex(CommandError, "did not end within 0.5 s: heard"):
            process.run(self.argv(f"echo heard >&2; {_FAMILY}"), timeout_s=0.5)
        self.assert_gone(2)

    def test_a_timeout_of_one_that_does_not_want_to_end(self) -> None:
        with self.assertRaises(CommandError):
            process.run(self.argv(_STUBBORN), timeout_s=0.5)
        self.assert_gone(1)

    def test_a_timeout_does_not_wait_for_one_that_left_the_session(self) -> None:
        script = 'setsid sleep 470 & echo $! >> "$0"; echo heard >&2; sleep 470'
        begun_s = time.monotonic()
        with self.assertRaisesRegex(CommandError, "heard"):
            process.run(self.argv(script), timeout_s=0.5)
        self.assertLess(time.monotonic() - begun_s, _LIMIT_S * speed.timeout_scale())

    def test_an_interruption(self) -> None:
        def report(line: str) -> None:
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            followed_program.follow(self.argv(f"echo heard >&2; {_FAMILY}"), report)
        self.eventually(lambda: not any(map(_runs, map(int, self.pids.read_text().split()))))

    def test_one_that_is_followed(self) -> None:
        ends = []

        def report(line: str) -> None:
            self.children(1)
            ends[0]()

        done = followed_program.follow(
            self.argv(f"echo heard >&2; {_STUBBORN}"), report, started=ends.append, grace_s=0.2
        )
        self.assertEqual((-signal.SIGKILL, "heard\n"), (done.returncode, done.stderr))
        self.assert_gone(1)

    def test_one_that_leaves_a_process_with_the_stream_that_is_followed(self) -> None:
        lines: list[str] = []
        done = followed_program.follow(
            self.argv('setsid sleep 470 & echo $! >> "$0"; printf "heard\\nall" >&2'), lines.append
        )
        self.assertEqual((0, ["heard", "all"]), (done.returncode, lines))

    def test_one_that_leaves_a_process_that_does_not_stop_writing(self) -> None:
        lines: list[str] = []
        done = followed_program.follow(
            self.argv('echo heard >&2; setsid yes >&2 & echo $! >> "$0"'), lines.append
        )
        self.assertEqual((0, "heard"), (done.returncode, lines[0]))

    def test_a_block_that_fails(self) -> None:
        with self.assertRaises(KeyError), process.running(self.argv(_FAMILY)):
            self.children(2)
            raise KeyError
        self.assert_gone(2)

    def test_a_block_whose_program_has_ended(self) -> None:
        script = 'sleep 470 > /dev/null & echo $! >> "$0"'
        with process.running(self.argv(script)) as program:
            self.assertEqual(0, program.wait(_LIMIT_S * speed.timeout_scale()))
            self.assertTrue(all(map(_runs, self.children(1))))
        self.assert_gone(1)

    def test_what_a_run_leaves_in_the_background_stays(self) -> None:
        # As the connection that OpenSSH's ControlPersist shares.
        process.run(self.argv('sleep 470 > /dev/null 2>&1 & echo $! >> "$0"'))
        self.assertTrue(all(map(_runs, self.children(1))))


class OutputTest(unittest.TestCase):
    def test_one_that_prints_without_end_is_ended(self) -> None:
        begun_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for stream in ("", " >&2"):
            with self.assertRaisesRegex(
                TooMuchOutputError, "printed more than 64 MiB and was ended: .*; run it by hand"
            ):
                process.run(["sh", "-c", f"yes{stream}"])
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun_kib
        self.assertLess(grown_kib, 512 << 10)

    def test_much_input_and_output_at_once(self) -> None:
        text = "0123456789abcde\n" * (1 << 16)
        self.assertEqual(text, process.run(["cat"], input_text=text).stdout)

    def test_input_that_is_not_read(self) -> None:
        done = process.run(["sh", "-c", "exec <&-; echo said"], input_text="x" * (1 << 20))
        self.assertEqual("said\n", done.stdout)

    def test_a_full_disk_has_a_hint(self) -> None:
        with self.assertRaisesRegex(CommandError, "No space left on device; free some space"):
            process.run(["sh", "-c", "cat /etc/passwd > /dev/full"])

    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_of_a_run(self) -> None:
        done = process.run(["sh", "-c", "cat; echo complained >&2"], input_text="said\r\n")
        self.assertEqual((0, "said\n", "complained\n"), (done.returncode, done.stdout, done.stderr))
        with self.assertRaisesRegex(CommandError, "exited with 3: why") as caught:
            process.run(["sh", "-c", "echo why >&2; exit 3"])
        self.assertEqual(3, caught.exception.returncode)

    def test_of_one_that_is_followed(self) -> None:
        program = (
            "import sys; print('out'); print('one', file=sys.stderr, flush=True);"
            "sys.stdin.read(); print('two', file=sys.stderr); sys.exit(3)"
        )
        lines: list[str] = []
        done = followed_program.follow([sys.executable, "-c", program], lines.append)
        self.assertEqual((3, "out\n", ["one", "two"]), (done.returncode, done.stdout, lines))

    def test_beside_a_block(self) -> None:
        errors = self.directory / "errors"
        argv = ["sh", "-c", "echo said; echo complained >&2; exit 3"]
        with process.running(argv, errors=errors) as program:
            assert program.stdout is not None
            self.assertEqual(b"said\n", program.stdout.read())
            self.assertEqual(3, program.wait())
        self.assertEqual("complained\n", errors.read_text())

    def test_in_a_log(self) -> None:
        log = self.directory / "log"
        log.write_text("before\n")
        with process.running(["sh", "-c", "echo said; echo complained >&2"], log=log) as program:
            program.wait()
        self.assertEqual("before\nsaid\ncomplained\n", log.read_text())

    def test_there_is_no_such_program(self) -> None:
        for start in (
            lambda: process.run(["/no-such-program"]),
            lambda: followed_program.follow(["/no-such-program"], lambda line: None),
            lambda: self.enterContext(process.running(["/no-such-program"])),
        ):
            with self.assertRaisesRegex(CommandError, "cannot run '/no-such-program': No such"):
                start()


def _runs(pid: int) -> bool:
    """Whether a process is there and does not only wait to be reaped."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
