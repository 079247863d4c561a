# SPDX-License-Identifier: Apache-2.0
"""What a command does that is asked to end, in a process of its own."""

import ast
import os
import select
import signal
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vhost_tempest_plugin.util import interpreter

LIMIT_S = 60.0
# Signals that are ignored stay so, as in a shell's background.
_DEFAULT = ("env", "--default-signal=INT,TERM,HUP")
BESIDE = ("process.running", "followed_program.follow")
TIED = ("asked_to_end", "ended_with_parent", "killed_with_parent")
# A command whose work and whose clean-up take until they are let go on.
COMMAND = """
import sys
from pathlib import Path
from vhost_tempest_plugin.cli import main

class Slow(main.VhostApp):
    def run(self, argv):
        try:
            print("working", flush=True)
            sys.stdin.readline()
        except BaseException:
            print("cleaning", flush=True)
            sys.stdin.readline()
            print("cleaned", flush=True)
            raise
        return 0

main.VhostApp = Slow
sys.exit(main.main([]))
"""
# One that waits in its clean-up for a program that it has run.
WITH_PROGRAM = COMMAND.replace(
    'print("cleaning", flush=True)',
    """from vhost_tempest_plugin.util import process
            with process.running(["sh", "-c", "echo $$; exec sleep 1000"]) as program:
                print(program.stdout.readline().decode(), end="", flush=True)
                program.wait()""",
)
# A program that starts another one, beside a process that is killed.
PARENT = """
import sys
from vhost_tempest_plugin.util import process
from vhost_tempest_plugin.util.die_with_parent import ended_with_parent

with process.running(ended_with_parent(["sh", "-c", "(echo $$; exec sleep 1000) & wait"])) as both:
    print(both.pid, both.stdout.readline().decode().strip(), flush=True)
    sys.stdin.read()
"""
WORKER = """
import sys
from vhost_tempest_plugin.host import worker

def perform(request, progress):
    try:
        progress("working")
        sys.stdin.readline()
    finally:
        progress("cleaning")
        sys.stdin.readline()
        progress("cleaned")

worker.perform = perform
worker.worker_protocol.load_request = lambda text: text
sys.exit(worker.main())
"""


class Asked:
    """A process that is asked to end."""

    def __init__(self, program: "subprocess.Popen[str]") -> None:
        self.program = program

    def line(self) -> str:
        return _line(self.program.stdout)

    def message(self) -> str:
        return _line(self.program.stderr)

    def ask(self, number: signal.Signals) -> None:
        self.program.send_signal(number)

    def go_on(self) -> None:
        assert self.program.stdin is not None
        self.program.stdin.write("\n")
        self.program.stdin.flush()

    def end(self) -> int:
        return self.program.wait(LIMIT_S)


def _line(stream: IO[str] | None) -> str:
    """The next line, byte by byte: a reader's buffer would hide another one from select(2)."""
    assert stream is not None
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], LIMIT_S)
        if not ready:
            return f"nothing in time after {text!r}"
        byte = os.read(stream.fileno(), 1)
        if not byte:
            break
        text += byte
    return text.decode().strip()


@contextmanager
def started(code: str, *before: str) -> Iterator[Asked]:
    with subprocess.Popen(
        [*_DEFAULT, *before, *interpreter.own("-c", code), "request"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as program:
        try:
            yield Asked(program)
        finally:
            program.kill()


class CommandTest(unittest.TestCase):
    def test_whatever_asks_what_was_begun_is_ended(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name), started(COMMAND) as command:
                self.assertEqual("working", command.line())
                command.ask(number)
                self.assertEqual("cleaning", command.line())
                command.go_on()
                self.assertEqual("cleaned", command.line())
                self.assertEqual(130, command.end())

    def test_what_is_ignored_stays_ignored(self) -> None:
        with started(COMMAND, "env", "--ignore-signal=HUP") as command:
            self.assertEqual("working", command.line())
            command.ask(signal.SIGHUP)
            command.go_on()
            self.assertEqual(0, command.end())

    def test_the_second_is_answered_and_the_third_ends_it_at_once(self) -> None:
        with started(COMMAND) as command:
            self.assertEqual("working", command.line())
            command.ask(signal.SIGINT)
            self.assertEqual("cleaning", command.line())
            command.ask(signal.SIGINT)
            self.assertEqual("vhost: ending; once more to give up", command.message())
            command.ask(signal.SIGINT)
            self.assertEqual(
                "vhost: gave up; 'vhost list' and 'vhost lab list' show what is left",
                command.message(),
            )
            self.assertEqual(130, command.end())

    def test_what_it_runs_is_asked_to_end_when_it_gives_up(self) -> None:
        with started(WITH_PROGRAM) as command:
            self.assertEqual("working", command.line())
            command.ask(signal.SIGINT)
            end = os.pidfd_open(int(command.line()))
            self.addCleanup(os.close, end)
            command.ask(signal.SIGINT)
            self.assertIn("once more", command.message())
            command.ask(signal.SIGINT)
            self.assertEqual(130, command.end())
            self.assertEqual([end], select.select([end], [], [], LIMIT_S)[0])

    def test_the_clean_up_goes_on_after_the_second(self) -> None:
        with started(COMMAND) as command:
            self.assertEqual("working", command.line())
            command.ask(signal.SIGHUP)
            self.assertEqual("cleaning", command.line())
            command.ask(signal.SIGTERM)
            self.assertIn("once more", command.message())
            command.go_on()
            self.assertEqual("cleaned", command.line())
            self.assertEqual(130, command.end())

    def test_a_worker_cleans_up_however_often_it_is_asked(self) -> None:
        with started(WORKER) as worker:
            self.assertIn("working", worker.line())
            worker.ask(signal.SIGTERM)
            self.assertIn("cleaning", worker.line())
            worker.ask(signal.SIGTERM)
            worker.go_on()
            self.assertIn("cleaned", worker.line())
            self.assertEqual(130, worker.end())


class SessionTest(unittest.TestCase):
    def test_all_of_it_ends_with_its_parent(self) -> None:
        with started(PARENT) as parent:
            ends = [os.pidfd_open(int(pid)) for pid in parent.line().split()]
            for end in ends:
                self.addCleanup(os.close, end)
            parent.ask(signal.SIGKILL)
            for end in ends:
                ready, _, _ = select.select([end], [], [], LIMIT_S)
                self.assertEqual([end], ready)

    def test_its_exit_code(self) -> None:
        leader = Path(sys.modules["vhost_tempest_plugin"].__path__[0], "util/session_leader.py")
        for script, code in (("exit 7", 7), ("kill -9 $$", 137), ("exit 0", 0)):
            words = interpreter.own("-S", leader, "sh", "-c", script)
            self.assertEqual(code, subprocess.run(words, start_new_session=True).returncode)


class GuardTest(unittest.TestCase):
    def test_what_runs_beside_a_command_ends_with_it(self) -> None:
        package = Path(sys.modules["vhost_tempest_plugin"].__path__[0])
        alone = []
        for path in sorted(package.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    text = ast.unparse(node)
                    begins = any(f"{name}(" in text for name in BESIDE)
                    if begins and not any(f"{name}(" in text for name in TIED):
                        alone.append(f"{path.relative_to(package)}:{node.lineno} {node.name}")
        self.assertEqual([], alone, "see util.die_with_parent")


class NewsTest(unittest.TestCase):
    def test_work_goes_on_where_nobody_reads_the_news(self) -> None:
        code = (
            "from vhost_tempest_plugin.util.progress import Lines\n"
            "news = Lines()\n"
            "news('one'), news('two')\n"
            "print('done')\n"
        )
        with tempfile.TemporaryFile() as output:
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run(interpreter.own("-c", code), stdout=output, stderr=writer)
            os.close(writer)
            output.seek(0)
            self.assertEqual((0, b"done\n"), (done.returncode, output.read()))
