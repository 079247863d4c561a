# SPDX-License-Identifier: Apache-2.0
"""The command in surroundings that it did not choose: it works, or says in a line what to do."""

import os
import resource
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.errors import InputError, LocalError
from vhost_tempest_plugin.host import session
from vhost_tempest_plugin.util import account, interpreter, paths

MAIN = interpreter.own("-m", "vhost_tempest_plugin.cli.main")
READING = (["topology", "list"], ["list"], ["lab", "list"], ["network", "list"])


class SurroundingsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        # Root's commands find their networks there as another user.
        self.place.chmod(0o755)
        self.environment = {**os.environ, "HOME": str(self.place), "PYTHONUTF8": "0"}
        for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "VHOST_RUN_DIR"):
            self.environment.pop(name, None)
        self.environment["VHOST_RUN_DIR"] = str(self.place / "run")

    def vhost(
        self, *words: str, before: tuple[str, ...] = (), directory: Path | None = None, **more: str
    ) -> tuple[int, str]:
        """Exit code and messages; a message is one line."""
        done = subprocess.run(
            [*before, *MAIN, *words],
            env={**self.environment, **more},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        said = done.stderr.decode(errors="replace")
        self.assertNotIn("Traceback", said)
        self.assertLessEqual(len(said.splitlines()), 1, said)
        return done.returncode, said.strip()

    def made(self) -> list[Path]:
        """All files, but those of the library that finds the commands."""
        return [
            path
            for path in self.place.rglob("*")
            if path.is_file() and path.parent.name != "python-entrypoints"
        ]

    def test_no_terminal_and_any_locale(self) -> None:
        for locale in ("C", "de_DE.ISO-8859-1"):
            for words in (*READING, ["draw", "article"]):
                with self.subTest(locale, words=words):
                    got = self.vhost(*words, LC_ALL=locale, LANG=locale, before=("setsid", "-w"))
                    self.assertEqual((0, ""), got)

    def test_relative_directories_are_refused(self) -> None:
        for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
            with self.subTest(name):
                code, said = self.vhost("lab", "list", directory=self.place, **{name: "state"})
                self.assertEqual(
                    f"vhost: {name} is 'state', which is no absolute path; "
                    "give an absolute path, or unset it",
                    said,
                )
                self.assertEqual((2, []), (code, self.made()))
        self.assertEqual(2, self.vhost("network", "list", VHOST_RUN_DIR="run")[0])
        self.assertEqual((0, ""), self.vhost("lab", "list", XDG_STATE_HOME=""))

    def test_a_relative_home_is_refused(self) -> None:
        code, said = self.vhost("list", HOME="home", directory=self.place)
        self.assertIn("HOME is 'home', which is no absolute path", said)
        self.assertEqual((3, []), (code, self.made()))

    def test_no_home_is_taken_from_the_passwd_database(self) -> None:
        with mock.patch.dict(os.environ):
            del os.environ["HOME"]
            self.assertTrue(paths.home().is_absolute())

    def test_nobody_at_all(self) -> None:
        with (
            mock.patch.object(Path, "home", side_effect=RuntimeError),
            mock.patch("os.geteuid", return_value=4242),
            mock.patch.dict(os.environ, {"XDG_STATE_HOME": "/state", "XDG_CACHE_HOME": ""}),
        ):
            with self.assertRaisesRegex(LocalError, "HOME is not set, and user 4242 has no entry"):
                paths.require()
            os.environ["XDG_CACHE_HOME"] = "/cache"
            paths.require()

    def test_a_user_without_a_name_makes_nothing(self) -> None:
        with (
            mock.patch("os.geteuid", return_value=4242),
            self.assertRaisesRegex(LocalError, "4242 has no entry.*; add the user"),
        ):
            session.require("a host")
        self.assertNotEqual("", account.name())

    def test_a_directory_that_is_gone(self) -> None:
        script = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"'
        gone = ("sh", "-c", script, str(self.place / "gone"))
        for words in READING:
            with self.subTest(words):
                self.assertEqual((0, ""), self.vhost(*words, before=gone))
        code, said = self.vhost("lab", "up", "--nova", "nova", before=gone)
        self.assertEqual(2, code)
        self.assertIn("'nova' is relative to the current directory, which was removed", said)
        self.assertEqual([], self.made())

    def test_few_open_files(self) -> None:
        for words in READING:
            with self.subTest(words):
                few = ("prlimit", "--nofile=256:256")
                self.assertEqual((0, ""), self.vhost(*words, before=few))

    def test_too_few_are_refused_before_anything_is_made(self) -> None:
        for number, words, said in (
            (1023, ["lab", "up"], "a lab needs 1024 open files, and this session allows 1023"),
            (255, ["up", "small"], "a host needs 256 open files, and this session allows 255"),
        ):
            with self.subTest(words):
                few = ("prlimit", f"--nofile={number}:{number}")
                code, message = self.vhost(*words, before=few)
                self.assertEqual(3, code)
                self.assertIn(f"vhost: {said}; raise the limit", message)
                self.assertEqual([], self.made())

    def test_a_soft_limit_is_raised(self) -> None:
        code = (
            "import resource; from vhost_tempest_plugin.util import open_files\n"
            "open_files.require(1024, 'a lab')\n"
            "print(*resource.getrlimit(resource.RLIMIT_NOFILE))\n"
        )
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        done = subprocess.run(
            ["prlimit", "--nofile=256:", *interpreter.own("-c", code)],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(f"1024 {hard}\n", done.stdout)


class PathTest(unittest.TestCase):
    def test_a_path_of_the_user(self) -> None:
        with mock.patch.dict(os.environ, {"HOME": "/home/me"}):
            self.assertEqual(Path("/home/me/nova"), paths.absolute(Path("~/nova")))
            self.assertEqual(Path.cwd() / "nova", paths.absolute(Path("nova")))
            self.assertEqual(Path("/nova"), paths.absolute(Path("/nova")))
        with self.assertRaisesRegex(InputError, "begins with no user's home"):
            paths.absolute(Path("~nobody-at-all/nova"))
