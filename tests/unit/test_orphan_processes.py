# SPDX-License-Identifier: Apache-2.0
"""Whose processes are taken for QEMUs of a host: nobody else's, and none of other programs."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock
from uuid import UUID, uuid4

from vhost_tempest_plugin.hypervisor import orphan_processes
from vhost_tempest_plugin.util import process

NOBODY = 12345
# What follows the script are words that it does not look at.
SCRIPT = "echo; read -r line"


class OrphanProcessesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.uuid = uuid4()
        self.shell = process.which("bash")

    def start(self, program: Path, *words: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        argv = [str(program), "-c", SCRIPT, *words]
        started = self.enterContext(subprocess.Popen(argv, stdin=pipe, stdout=pipe))
        self.addCleanup(started.kill)
        # The kernel shows its command line only some time after exec.
        assert started.stdout is not None
        started.stdout.readline()
        return started

    def qemu(self, uuid: UUID) -> subprocess.Popen[bytes]:
        program = self.directory / "qemu-system-x86_64"
        if not program.exists():
            shutil.copy(self.shell, program)
        return self.start(program, "-uuid", str(uuid), f"file={self.directory / str(uuid)}/disk")

    def test_only_what_bears_the_mark_is_killed(self) -> None:
        mine, other = self.qemu(self.uuid), self.qemu(uuid4())
        self.assertEqual([mine.pid], orphan_processes.find(self.directory / str(self.uuid)))
        self.assertEqual([mine.pid], orphan_processes.kill(self.uuid))
        self.assertEqual(-signal.SIGKILL, mine.wait(30))
        self.assertIsNone(other.poll())
        self.assertEqual([], orphan_processes.kill(self.uuid))

    def test_another_program_with_the_mark(self) -> None:
        marked = self.start(Path(self.shell), "-uuid", str(self.uuid))
        self.assertEqual([], orphan_processes.find(self.uuid))
        self.assertEqual([], orphan_processes.kill(self.uuid))
        self.assertIsNone(marked.poll())

    def test_another_program_by_qemus_name(self) -> None:
        argv = ["/usr/bin/qemu-system-x86_64", "-c", SCRIPT, "-uuid", str(self.uuid)]
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, executable=self.shell, stdin=pipe, stdout=pipe) as marked:
            self.addCleanup(marked.kill)
            assert marked.stdout is not None
            marked.stdout.readline()
            self.assertEqual([], orphan_processes.kill(self.uuid))
            self.assertIsNone(marked.poll())
            marked.kill()

    def test_another_users_qemu(self) -> None:
        marked = self.qemu(self.uuid)
        with mock.patch.object(os, "geteuid", return_value=NOBODY):
            for mark in (self.uuid, self.directory / str(self.uuid)):
                self.assertEqual([], orphan_processes.find(mark))
                self.assertEqual([], orphan_processes.kill(mark))
        self.assertIsNone(marked.poll())

    def test_the_systems_libvirt_runs_qemu_as_another_user(self) -> None:
        marked, user = self.qemu(self.uuid), mock.Mock(pw_uid=os.geteuid())

        def known(name: str) -> mock.Mock:
            if name != "libvirt-qemu":
                raise KeyError(name)
            return user

        with mock.patch.object(pwd, "getpwnam", known):
            with mock.patch.object(os, "geteuid", return_value=NOBODY):
                self.assertEqual([], orphan_processes.find(self.uuid))
                self.assertEqual([], orphan_processes.find(self.uuid, "qemu:///session"))
                found = orphan_processes.find(self.uuid, "qemu:///system")
            self.assertEqual([marked.pid], found)

    def test_one_that_is_gone(self) -> None:
        marked = self.qemu(self.uuid)
        marked.kill()
        marked.wait(30)
        self.assertEqual([], orphan_processes.find(self.uuid))
