# SPDX-License-Identifier: Apache-2.0
"""Processes that are found by what they bear, and ended."""

import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.util import processes
from vhost_tempest_plugin.util.processes import Process
from vhost_tempest_plugin.util.waiting import wait_for

_NAME = "VHOST_TEST_MARK"
_READY = "echo ready; "
_LIMIT_S = 30


class ProcessesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.mark = str(self.directory)
        self.addCleanup(processes.kill, self.find)

    def find(self) -> list[Process]:
        return processes.bearing(_NAME, self.mark)

    def start(self, script: str, before: str = "") -> subprocess.Popen[bytes]:
        """Start a shell that bears the mark; returns when *before* is done and its script runs."""
        program = subprocess.Popen(
            ["sh", "-c", before + _READY + script],
            stdout=subprocess.PIPE,
            env={**os.environ, _NAME: self.mark},
        )
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        assert program.stdout is not None
        self.addCleanup(program.stdout.close)
        self.assertEqual(b"ready\n", program.stdout.readline())
        return program

    def wait_for_child(self) -> None:
        """Until the shell's ``sleep`` can be found: while a program starts, it bears nothing."""

        def runs() -> bool:
            return any(
                processes.words(process)[:1] == ("sleep",)
                and processes.variables(process).get(_NAME) == self.mark
                for process in self.find()
            )

        wait_for(runs, "the child", _LIMIT_S, poll_s=0.01)

    def test_who_is_found(self) -> None:
        program = self.start("sleep 60; :")
        self.assertIn(program.pid, [process.pid for process in self.find()])
        words = processes.words(Process(program.pid))
        self.assertEqual(("sh", "-c", f"{_READY}sleep 60; :"), words)
        self.assertEqual(self.mark, processes.variables(Process(program.pid))[_NAME])
        self.assertIn(f"pid {program.pid} (sh -c", processes.describe(program.pid))

    def test_one_that_is_becoming_another_program(self) -> None:
        script = self.directory / "script"
        script.write_text('#!/bin/sh\nexec "$0"\n')
        script.chmod(0o755)
        program = subprocess.Popen([script], env={**os.environ, _NAME: self.mark})
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        with mock.patch.object(processes, "others", return_value=[Process(program.pid)]):
            found = [len(self.find()) for _ in range(2000)]
        self.assertEqual({1}, set(found), f"missed {found.count(0)} of {len(found)} times")

    def test_one_that_is_gone(self) -> None:
        program = self.start("read line")
        process = Process(program.pid)
        program.kill()
        program.wait()
        self.assertEqual([], self.find())
        self.assertEqual((), processes.words(process))
        self.assertEqual({}, processes.variables(process))
        self.assertEqual(f"pid {program.pid}", processes.describe(program.pid))

    def test_they_end_when_they_are_asked(self) -> None:
        program = self.start("sleep 60 & wait")
        self.wait_for_child()
        ended = processes.end(self.find, 30)
        self.assertIn(program.pid, ended)
        self.assertEqual([], self.find())
        self.assertEqual(-signal.SIGTERM, program.wait())

    def test_a_child_is_its_parents_business(self) -> None:
        # A trap of a shell that has no child yet would kill none, one not yet set does nothing.
        program = self.start("wait", before="trap 'kill -9 $!; exit 3' TERM; sleep 60 & ")
        self.wait_for_child()
        asked, signal_ = [], processes._signal

        def note(process: Process, number: signal.Signals) -> None:
            # Of a shell that has ended, or a child that it has waited for, nobody is the parent.
            if program.poll() is None and process.is_running():
                asked.append(process.pid)
            signal_(process, number)

        with mock.patch.object(processes, "_signal", note):
            processes.end(self.find, 30)
        self.assertEqual([program.pid], asked)
        self.assertEqual(3, program.wait())

    def test_those_that_do_not_want_to_end_are_killed(self) -> None:
        program = self.start("sleep 60; sleep 60", before="trap '' TERM; ")
        self.assertIn(program.pid, processes.end(self.find, 0.2))
        self.assertEqual(-signal.SIGKILL, program.wait())
        self.assertEqual([], self.find())

    def test_one_that_cannot_be_killed(self) -> None:
        program = self.start("sleep 60; :")
        with (
            mock.patch.object(processes, "_signal"),
            mock.patch.object(processes, "_KILL_LIMIT_S", 0.1),
            self.assertRaisesRegex(
                VhostError, rf"killed processes: .*pid {program.pid} \(sh.*dmesg"
            ),
        ):
            processes.kill(self.find)

    def test_one_of_another_user(self) -> None:
        program = self.start("sleep 60; :")
        denied = processes.psutil.AccessDenied(program.pid)
        with (
            mock.patch.object(Process, "send_signal", side_effect=denied),
            self.assertRaisesRegex(VhostError, "belongs to another user; end it as root"),
        ):
            processes.terminate(self.find)

    def test_a_group(self) -> None:
        program = subprocess.Popen(["sleep", "60"], start_new_session=True)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        self.assertEqual([program.pid], [each.pid for each in processes.in_group(program.pid)])
        program.kill()
        os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual([], processes.in_group(program.pid), "a zombie runs no more")

    def test_who_has_a_file_open(self) -> None:
        file, other = self.directory / "file", self.directory / "other"
        with file.open("w"):
            other.touch()
            self.assertEqual([Process()], processes.with_open(os.getpid(), file))
            self.assertEqual([], processes.with_open(os.getpid(), other))
        self.assertEqual([], processes.with_open(os.getpid(), file))
