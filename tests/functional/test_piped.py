# SPDX-License-Identifier: Apache-2.0
"""A program beside a block ends with it, and all that it has started."""

import os
import tempfile
import time
import unittest
from pathlib import Path

from vhost_tempest_plugin.errors import CommandError
from vhost_tempest_plugin.util import process, speed

_LIMIT_S = 20


class PipedTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.errors = directory / "errors"

    def test_its_output_is_read_and_its_status_kept(self) -> None:
        argv = ["sh", "-c", "echo said; echo complained >&2; exit 3"]
        with process.piped(argv, errors=self.errors) as program:
            assert program.stdout is not None
            self.assertEqual(b"said\n", program.stdout.read())
            self.assertEqual(3, program.wait())
        self.assertEqual("complained\n", self.errors.read_text())

    def test_workers_do_not_outlive_it(self) -> None:
        argv = ["sh", "-c", "sleep 600 & echo $!; exec sleep 600"]
        with (
            self.assertRaises(KeyError),
            process.piped(argv, errors=self.errors) as program,
        ):
            assert program.stdout is not None
            worker = int(program.stdout.readline())
            raise KeyError
        limit_s = time.monotonic() + _LIMIT_S * speed.timeout_scale()
        while Path(f"/proc/{worker}").exists() and not _is_dead(worker):
            self.assertLess(time.monotonic(), limit_s, "the worker lives on")
            os.sched_yield()

    def test_there_is_no_such_program(self) -> None:
        with (
            self.assertRaisesRegex(CommandError, "no-such-program"),
            process.piped(["/no-such-program"], errors=self.errors),
        ):
            self.fail("it runs")


def _is_dead(pid: int) -> bool:
    """Whether a process waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
