# SPDX-License-Identifier: Apache-2.0
"""What a command makes of its standard streams, and what of others' bytes reaches a terminal."""

import os
import pty
import subprocess
import unittest

from vhost_tempest_plugin.cli.streams import printable
from vhost_tempest_plugin.cli.terminal import Terminal, Tone
from vhost_tempest_plugin.util import interpreter

VHOST = interpreter.own("-m", "vhost_tempest_plugin.cli.main")
# A command that prints what a host has, everywhere where a command prints.
SHOWS = r"""
import sys
from unittest import mock
from vhost_tempest_plugin.cli import main, output
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.util.progress import Lines

EVIL = "a\x1b]0;title\x07b\x1b[2Jc\x9b1md\u202ee\x08f"

class Shows(output.Lister):
    def take_action(self, arguments):
        Lines()(EVIL)
        self.app.stdout.write(EVIL + "\r\n")
        return ("Name",), [(EVIL,)]

class Fails(output.Lister):
    def take_action(self, arguments):
        raise HostError(EVIL)

def install(self, namespace):
    self.add_command("shows", Shows)
    self.add_command("fails", Fails)

main.Commands.load_commands = install
sys.exit(main.main(sys.argv[1:]))
"""
CLEAN = "abcd\ufffde\ufffdf"


class PrintableTest(unittest.TestCase):
    def test_what_is_taken_out(self) -> None:
        for text, expected in (
            ("plain\ttext\n", "plain\ttext\n"),
            ("└─ ü 日本 🙂\n", "└─ ü 日本 🙂\n"),
            ("a\r\nb\r\n", "a\nb\n"),
            ("secret\rshown", "secret\ufffdshown"),
            ("a\x1b[31mred\x1b[0m", "ared\x1b[0m"),
            ("a\x1b[10;20Hb", "ab"),
            ("a\x1b]52;c;cGFzdGU=\x07b", "ab"),
            ("a\x1b]8;;http://x\x1b\\b", "ab"),
            ("a\x1bP1$r\x1b\\b", "ab"),
            ("a\x1b(0b\x1bc", "ab"),
            ("a\x9b2Jb\x85", "ab\ufffd"),
            ("unended \x1b", "unended \ufffd"),
            ("unended \x1b[", "unended "),
            ("\x00\x07\x08\x7f\udc80\u202e", "\ufffd" * 6),
        ):
            with self.subTest(text):
                self.assertEqual(expected, printable(text))

    def test_our_colours_stay(self) -> None:
        for tone in Tone:
            painted = Terminal(80, True).paint("good", tone)
            self.assertEqual(painted, printable(painted))


class CommandTest(unittest.TestCase):
    def run_command(self, *words: str) -> tuple[str, str]:
        done = subprocess.run(
            interpreter.own("-c", SHOWS, *words),
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            check=False,
        )
        return done.stdout.decode(), done.stderr.decode()

    def test_tables_output_and_progress(self) -> None:
        out, err = self.run_command("shows")
        self.assertEqual([CLEAN, "Name", CLEAN], [line.strip() for line in out.splitlines()])
        self.assertRegex(err, rf"^\[ +\d+\.\d s\] {CLEAN}\n$")

    def test_messages(self) -> None:
        self.assertEqual(("", f"vhost: {CLEAN}\n"), self.run_command("fails"))

    def test_words_that_the_user_gives(self) -> None:
        _, err = self.run_command("\x1b[2Jnothing")
        self.assertNotIn("\x1b", err)

    def test_on_a_terminal(self) -> None:
        ours, its = pty.openpty()
        self.addCleanup(os.close, ours)
        done = subprocess.Popen(
            interpreter.own("-c", SHOWS, "shows"), stdin=its, stdout=its, stderr=its
        )
        os.close(its)
        shown = b""
        try:
            while data := os.read(ours, 4096):
                shown += data
        except OSError:
            pass
        self.assertEqual(0, done.wait())
        self.assertIn(CLEAN, shown.decode())
        self.assertNotIn("title", shown.decode())
        self.assertNotIn("2J", shown.decode())


class ClosedTest(unittest.TestCase):
    def test_each_may_be_closed(self) -> None:
        for redirected in (">&-", "2>&-", "<&-", ">&- 2>&- <&-"):
            for words, code in ((["topology", "list"], 0), (["nothing"], 2), (["--help"], 0)):
                with self.subTest(redirected, words=words):
                    done = subprocess.run(
                        ["sh", "-c", f'"$@" {redirected}', "sh", *VHOST, *words],
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    self.assertEqual(code, done.returncode, done.stderr)
                    self.assertNotIn("Traceback", done.stderr)

    def test_no_file_gets_the_number_of_a_closed_one(self) -> None:
        code = (
            "import os, tempfile\n"
            "from vhost_tempest_plugin.cli import streams\n"
            "with streams.prepared(), tempfile.TemporaryFile() as file:\n"
            "    assert file.fileno() > 2, file.fileno()\n"
        )
        words = interpreter.own("-c", code)
        done = subprocess.run(["sh", "-c", '"$@" >&- <&-', "sh", *words], capture_output=True)
        self.assertEqual((0, b""), (done.returncode, done.stderr))
