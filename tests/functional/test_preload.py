# SPDX-License-Identifier: Apache-2.0
"""Programs that run in copies of a process with their modules imported."""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from vhost_tempest_plugin.cloud.compute import preload

PYTHON = (sys.executable, "-I", "-S")

_MODULE = """
import os
IMPORTED_BY = os.getpid()
"""
_PROGRAM = """
import os, signal, sys
import slow_to_import
if __name__ == "__main__":
    print(slow_to_import.IMPORTED_BY, os.getpid(), os.getcwd(), os.environ["MARK"], *sys.argv[1:])
    print(sys.stdin.read(), flush=True)
    if "wait" in sys.argv:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(4))
        print("waits", flush=True)
        signal.pause()
    if "die" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(3)
"""


class PreloadTest(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.top / "slow_to_import.py").write_text(_MODULE)
        self.program = self.top / "program"
        self.program.write_text(f"#!{sys.executable}\n{_PROGRAM}")
        self.program.chmod(0o755)
        self.socket = self.top / "socket"
        self.environment = {**os.environ, "PYTHONPATH": str(self.top), "MARK": "mine"}

    def serve(self) -> subprocess.Popen[bytes]:
        """Have somebody serve, who says that he is ready as to systemd."""
        manager = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        manager.bind(str(self.top / "notify"))
        served = subprocess.Popen(
            [sys.executable, "-P", preload.__file__, "serve", self.socket, "slow_to_import"],
            env={**self.environment, "NOTIFY_SOCKET": str(self.top / "notify")},
        )
        self.addCleanup(served.wait)
        self.addCleanup(served.kill)
        select.select([manager], [], [], 60)
        self.assertEqual(b"READY=1", manager.recv(64))
        return served

    def start(self, *words: str) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                preload.__file__,
                "run",
                self.socket,
                self.program,
                *words,
            ],
            env=self.environment,
            cwd=self.top,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(started.kill)
        return started

    def said(self, started: subprocess.Popen[str]) -> tuple[list[str], int]:
        said, _ = started.communicate("read", timeout=60)
        return said.split(), started.returncode

    def test_it_has_the_modules_of_who_serves_and_all_else_of_its_own(self) -> None:
        served = self.serve()
        words, status = self.said(self.start("one", "two words"))
        imported_by, pid, *others = words
        self.assertEqual(served.pid, int(imported_by))
        self.assertNotEqual(served.pid, int(pid))
        self.assertEqual([str(self.top), "mine", "one", "two", "words", "read"], others)
        self.assertEqual(3, status)

    def test_several_end_each_by_itself(self) -> None:
        self.serve()
        waiting, dying = self.start("wait"), self.start("die")
        self.assertEqual(-signal.SIGKILL, self.said(dying)[1])
        self.assertEqual(3, self.said(self.start())[1])
        self.end(waiting)
        self.assertEqual(4, waiting.returncode)

    def test_it_outlives_who_serves(self) -> None:
        served = self.serve()
        waiting = self.start("wait")
        self.await_it(waiting)
        served.kill()
        served.wait()
        self.assertIsNone(waiting.poll())
        waiting.send_signal(signal.SIGTERM)
        self.assertEqual(1, waiting.wait(60))

    def test_it_runs_by_itself_where_nobody_serves(self) -> None:
        words, status = self.said(self.start())
        self.assertEqual(words[0], words[1])
        self.assertEqual(3, status)

    def await_it(self, waiting: subprocess.Popen[str]) -> None:
        assert waiting.stdin is not None
        assert waiting.stdout is not None
        waiting.stdin.close()
        self.addCleanup(waiting.stdout.close)
        while "waits" not in (line := waiting.stdout.readline()):
            self.assertTrue(line)

    def end(self, waiting: subprocess.Popen[str]) -> None:
        self.await_it(waiting)
        waiting.send_signal(signal.SIGTERM)
        waiting.wait(60)
