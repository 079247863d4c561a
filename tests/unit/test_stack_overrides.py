# SPDX-License-Identifier: Apache-2.0
"""devstack's files and the hosts' options come back, whatever ends the test that changed them."""

import io
import os
import signal
import stat
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from tests.unit.test_stack import RECORD, changed
from tests.unit.test_stack_services import UNITS, FakeCloud, stand_in_systemd
from vhost_tempest_plugin.cli import main
from vhost_tempest_plugin.cloud.configuration import override
from vhost_tempest_plugin.cloud.configuration.networking import NO_NETWORKING
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override
from vhost_tempest_plugin.devstack import access, files, journal, overrides, stack
from vhost_tempest_plugin.devstack.compute_hosts import ComputeHosts
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.topology import catalog, yaml_file
from vhost_tempest_plugin.util.progress import silent

TEXT = "[DEFAULT]\ndebug = True\n[database]\nconnection = mysql://root:secret@192.0.2.2/x\n"
FILES = ("nova.conf", "nova_cell1.conf")

# A test that is killed within the second edit of two, or while its options are in force.
KILLED = """
import os, signal, sys
from tests.unit import test_stack_overrides as tests
from vhost_tempest_plugin.devstack import files, journal, overrides

write, count = files.write, 0

def killing(file, text, **options):
    global count
    count += 1
    if count == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    write(file, text, **options)

files.write = killing
found = tests.found()
with tests.cloud_of_services(), journal.begun(found.directory.journal) as entry:
    overrides.apply(found, tests.conductor(), entry)
    print("in force", flush=True)
    sys.stdin.read()
"""


def found() -> stack.Stack:
    return access.read("vhost", silent)


def conductor() -> list[Override]:
    return list(override.parse(Service.NOVA_CONDUCTOR, ["workarounds.x=1"]))


@contextmanager
def cloud_of_services() -> Iterator[None]:
    @contextmanager
    def opened(options: object) -> Iterator[FakeCloud]:
        yield FakeCloud()

    with mock.patch.object(stack, "open_cloud", opened):
        yield


class OverridesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.said = stand_in_systemd(self.top)
        variables = {
            "PATH": f"{self.top}:{os.environ['PATH']}",
            "SAID": str(self.said),
            "UNITS": f"{UNITS} devstack@n-cond-cell1.service",
            "FAILED": "",
            "XDG_STATE_HOME": str(self.top / "state"),
        }
        self.enterContext(mock.patch.dict(os.environ, variables))
        self.enterContext(cloud_of_services())
        self.etc = self.top / "etc"
        self.etc.mkdir()
        for name in (*FILES, "nova-cpu.conf"):
            (self.etc / name).write_text(TEXT)
            (self.etc / name).chmod(0o640)
        self.directory = StackDirectory.of("vhost")
        with self.directory.locked(create=True):
            self.directory.topology.write_text(yaml_file.dump(catalog.find("small").host))
            record = changed(
                configuration=self.etc / "nova-cpu.conf",
                network=None,
                networking=NO_NETWORKING,
            )
            self.directory.write(record)
        self.news: list[str] = []

    def require_as_before(self) -> None:
        for name in FILES:
            self.assertEqual(TEXT, (self.etc / name).read_text(), name)
            self.assertEqual(0o640, stat.S_IMODE((self.etc / name).stat().st_mode))
        self.assertEqual([], list(self.directory.journal.iterdir()))
        self.assertEqual({*FILES, "nova-cpu.conf"}, {path.name for path in self.etc.iterdir()})

    def test_the_second_edit_fails(self) -> None:
        write, failing = files.write, [LocalError("the disk is full")]

        def second_fails(file: Path, text: str, *, secret: bool = False) -> None:
            if file.name == FILES[1] and failing:
                raise failing.pop()
            write(file, text, secret=secret)

        with journal.begun(self.directory.journal) as entry:
            with (
                mock.patch.object(files, "write", second_fails),
                self.assertRaisesRegex(LocalError, "the disk is full"),
            ):
                overrides.apply(found(), conductor(), entry)
            self.assertNotEqual(TEXT, (self.etc / FILES[0]).read_text())
            overrides.put_back(found(), entry)
        self.require_as_before()

    def test_blocks_nest(self) -> None:
        with journal.begun(self.directory.journal) as outer:
            overrides.apply(found(), conductor(), outer)
            between = (self.etc / FILES[0]).read_text()
            with journal.begun(self.directory.journal) as inner:
                asked = override.parse(Service.NOVA_CONDUCTOR, ["workarounds.x=2"])
                overrides.apply(found(), asked, inner)
                overrides.put_back(found(), inner)
            self.assertEqual(between, (self.etc / FILES[0]).read_text())
            overrides.put_back(found(), outer)
        self.require_as_before()

    def test_the_hosts_options(self) -> None:
        asked = override.parse(Service.NOVA_COMPUTE, ["libvirt.virt_type=qemu"])
        with (
            mock.patch.object(ComputeHosts, "start") as start,
            journal.begun(self.directory.journal) as entry,
        ):
            overrides.apply(found(), asked, entry)
            self.assertEqual(("libvirt.virt_type=qemu",), self.directory.read().spec.assignments)
            overrides.put_back(found(), entry)
        self.assertEqual(RECORD.spec.assignments, self.directory.read().spec.assignments)
        self.assertEqual(2, start.call_count)

    def test_what_runs_is_left_alone(self) -> None:
        with journal.begun(self.directory.journal) as entry:
            overrides.apply(found(), conductor(), entry)
            access.read("vhost", self.news.append)
            self.assertEqual([], self.news)
            self.assertNotEqual(TEXT, (self.etc / FILES[0]).read_text())
            overrides.put_back(found(), entry)

    def test_passwords_are_the_users_alone_on_disk(self) -> None:
        with journal.begun(self.directory.journal) as entry:
            overrides.apply(found(), conductor(), entry)
            for path in self.directory.journal.iterdir():
                self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode), path.name)
            self.assertNotIn("secret", repr(entry.changes))
            overrides.put_back(found(), entry)

    def test_what_somebody_else_has_changed_since_is_left_to_them(self) -> None:
        with journal.begun(self.directory.journal) as entry:
            overrides.apply(found(), conductor(), entry)
            (self.etc / FILES[0]).write_text("[DEFAULT]\nmine = 1\n")
            with self.assertRaisesRegex(LocalError, "changed by somebody else.*set-aside"):
                overrides.put_back(found(), entry)
        self.assertEqual("[DEFAULT]\nmine = 1\n", (self.etc / FILES[0]).read_text())
        self.assertEqual(TEXT, (self.directory.set_aside / FILES[0]).read_text())
        self.assertEqual(TEXT, (self.etc / FILES[1]).read_text())

    def test_a_test_that_is_killed_between_two_edits(self) -> None:
        self.killed("2")
        self.assertIn("x = 1", (self.etc / FILES[0]).read_text())
        self.require_recovered()

    def test_a_test_that_is_killed_while_its_options_are_in_force(self) -> None:
        self.killed("0")
        self.assertIn("x = 1", (self.etc / FILES[1]).read_text())
        self.require_recovered()

    def test_the_next_command_puts_back_and_prints_it(self) -> None:
        self.killed("2")
        with redirect_stderr(io.StringIO()) as stderr, redirect_stdout(io.StringIO()):
            self.assertEqual(0, main.main(["stack", "status", "--name", "vhost", "-f", "json"]))
        self.assertEqual(1, stderr.getvalue().count("a test was killed"))
        self.require_as_before()

    def killed(self, edit: str) -> None:
        """Run a test that is killed before its edit of this number; 0 for after all of them."""
        top = Path(__file__).resolve().parents[2]
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, edit],
            cwd=top,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with child:
            assert child.stdout is not None
            self.assertEqual("in force\n" if edit == "0" else "", child.stdout.readline())
            child.kill()
        self.assertEqual(-signal.SIGKILL, child.returncode)

    def require_recovered(self) -> None:
        self.said.write_text("")
        access.read("vhost", self.news.append)
        self.require_as_before()
        (line,) = self.news
        self.assertRegex(line, r"a test was killed that had changed .*/nova.conf, .*_cell1.conf")
        self.assertIn("restart devstack@n-super-cond.service", self.said.read_text())
        access.read("vhost", self.news.append)
        self.assertEqual(1, len(self.news))


class WriteTest(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.top / "nova.conf"
        self.file.write_text(TEXT)

    def test_a_link_stays_one(self) -> None:
        link = self.top / "link.conf"
        link.symlink_to(self.file)
        files.write(link, "new")
        self.assertTrue(link.is_symlink())
        self.assertEqual("new", self.file.read_text())

    def test_what_has_a_secret_only_its_owner_reads(self) -> None:
        for mode in (0o644, 0o666, 0o640, 0o600):
            with self.subTest(mode=oct(mode)):
                self.file.write_text("[a]\n")
                self.file.chmod(mode)
                files.edit(self.file, {"a": {"b": "1"}})
                self.assertEqual(mode, self.file.stat().st_mode & 0o777)
                files.edit(self.file, {"a": {"b": "s3cret"}}, secret=True)
                self.assertEqual(0o600, self.file.stat().st_mode & 0o777)

    def test_whole_or_not_at_all(self) -> None:
        with (
            mock.patch.object(os, "fsync", side_effect=OSError(28, "No space left")),
            self.assertRaisesRegex(LocalError, "cannot write .*: No space left; free"),
        ):
            files.write(self.file, "new")
        self.assertEqual(TEXT, self.file.read_text())
        self.assertEqual([self.file], list(self.top.iterdir()))
