# SPDX-License-Identifier: Apache-2.0
"""The account as which root's commands run, and what is opened to it."""

import argparse
import os
import pwd
import re
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from tests.unit.users import as_ordinary
from vhost_tempest_plugin.cli import arguments, main
from vhost_tempest_plugin.cli.arguments import Destination, ShareText, Source, TopologyText
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.util import paths, service_account

TOP = Path(__file__).parents[2]
NOBODY = pwd.getpwnam("nobody")
# Where a command is begun again, it is this.
PROBE = """\
import os, pathlib
me = os.getresuid() + os.getresgid()
caps = [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")]
print(*me, *caps, os.environ["HOME"], pathlib.Path("topology").read_text())
"""


def actions() -> Iterator[tuple[str, argparse.Action]]:
    """The arguments of every command."""
    app = main.VhostApp()
    for name, entry_point in app.command_manager.commands.items():
        parser = entry_point.load()(app, None).get_parser(name)
        yield from ((name, action) for action in parser._actions)


class ArgumentsTest(unittest.TestCase):
    def test_what_is_opened_and_given(self) -> None:
        given = argparse.Namespace(
            name="x",
            nova=Source("/n"),
            topology=TopologyText("t.yaml"),
            share=[ShareText("/s:/opt/s"), ShareText("/both")],
            output=Destination("out"),
        )
        self.assertEqual(
            [Path("/n"), Path("t.yaml"), Path("/s"), Path("/both")],
            list(arguments.sources(given)),
        )
        self.assertEqual([Path("out")], list(arguments.destinations(given)))

    def test_every_argument_that_is_a_file_says_for_what(self) -> None:
        # The first is a file of which only the directory counts; devstack's commands are no root's.
        known = {
            ("draw", "output"),
            *(("stack configure-tempest", n) for n in ("file", "ssh_access")),
        }
        plain = {(name, action.dest) for name, action in actions() if action.type is Path}
        self.assertEqual(known, plain)

    def test_every_topology_may_be_a_file(self) -> None:
        names = ("topology", "topologies", "compare_with")
        found = {name: action for name, action in actions() if action.dest in names}
        self.assertGreater(len(found), 5)
        for name, action in found.items():
            with self.subTest(name):
                self.assertIs(TopologyText, action.type)


class AccountTest(unittest.TestCase):
    def test_bootstrap_creates_it_as_the_hint_says(self) -> None:
        text = (TOP / "tools/bootstrap.sh").read_text()
        made = re.findall(r"^ +(useradd --system.*?)\n\}", text, re.MULTILINE | re.DOTALL)
        self.assertEqual(
            [service_account.CREATION], [" ".join(m.replace("\\\n", " ").split()) for m in made]
        )

    def test_without_it_the_hint_creates_it(self) -> None:
        with (
            mock.patch.object(service_account, "NAME", "no-such-account"),
            self.assertRaises(LocalError) as caught,
        ):
            service_account.Account.find()
        self.assertIn("which this machine lacks", caught.exception.fact)
        self.assertIn(service_account.CREATION, caught.exception.hint)

    def test_it_is_not_root(self) -> None:
        with mock.patch.object(service_account, "NAME", "root"), self.assertRaises(LocalError):
            service_account.Account.find()

    def test_places(self) -> None:
        unset = dict.fromkeys(("XDG_STATE_HOME", "XDG_CACHE_HOME"), "")
        with (
            mock.patch.dict(os.environ, unset),
            mock.patch.object(service_account, "is_current", return_value=True),
            mock.patch.object(paths.trust, "require"),
        ):
            self.assertEqual(service_account.HOME, paths.state())
            self.assertEqual(service_account.CACHE, paths.cache())


@unittest.skipUnless(os.geteuid() == 0, "only root has what to give up")
class BecomeTest(unittest.TestCase):
    """With 'nobody' as the account."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.closed = Path(directory.name)
        (self.closed / "work").mkdir()
        (self.closed / "work/topology").write_text("read")
        for name in ("HOME", "CACHE"):
            place = self.closed / name.lower()
            self.enterContext(mock.patch.object(service_account, name, place))
        self.enterContext(mock.patch.object(service_account, "NAME", NOBODY.pw_name))

    def begun_again(self, *sources: Path, directories: tuple[Path, ...] = ()) -> str:
        """What the command prints, or the error."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.chdir(self.closed / "work")
                os.dup2(writing, 1)
                with mock.patch.object(sys, "orig_argv", [sys.executable, "-c", PROBE]):
                    service_account.become(sources, directories, lambda news: None)
            except BaseException as error:
                os.write(writing, str(error).encode())
            os._exit(1)
        os.close(writing)
        with os.fdopen(reading) as said:
            text = said.read()
        os.waitpid(pid, 0)
        return text.strip()

    def test_nothing_of_root_is_left(self) -> None:
        said = self.begun_again(self.closed / "work/topology")
        ids = [str(NOBODY.pw_uid)] * 3 + [str(NOBODY.pw_gid)] * 3
        self.assertEqual([*ids, "0" * 16, str(self.closed / "home"), "read"], said.split())

    def test_what_is_above_may_be_entered_and_not_listed(self) -> None:
        self.begun_again(self.closed / "work/topology")
        listed = subprocess.run(
            ["getfacl", "--omit-header", "--absolute-names", self.closed],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        self.assertIn(f"user:{NOBODY.pw_name}:--x\n", listed)
        self.assertIn("other::---\n", listed)

    def test_what_it_may_not_read_is_refused(self) -> None:
        secret = self.closed / "work/secret"
        secret.touch(mode=0o600)
        said = self.begun_again(secret)
        self.assertRegex(said, "may not read .*work/secret'; run 'setfacl -R -m u:nobody:rX ")

    def test_a_directory_to_write_is_given(self) -> None:
        report = self.closed / "work/new/report"
        self.begun_again(self.closed / "work/topology", directories=(report,))
        self.assertEqual(NOBODY.pw_uid, report.stat().st_uid)
        self.assertEqual(0, report.parent.stat().st_uid)

    def test_a_directory_with_roots_files_stays_roots(self) -> None:
        work = self.closed / "work"
        said = self.begun_again(work / "topology", directories=(work,))
        self.assertIn(f"run 'chown -R nobody: {work}'", said)
        self.assertEqual(0, work.stat().st_uid)
        self.assertEqual(["topology"], [path.name for path in work.iterdir()])
        self.assertIn("PermissionError", as_ordinary(lambda: str(list(self.closed.iterdir()))))
