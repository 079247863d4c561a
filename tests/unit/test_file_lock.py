# SPDX-License-Identifier: Apache-2.0
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from vhost_tempest_plugin.util.file_lock import FileLock

HOLD = """
import sys
from pathlib import Path
from vhost_tempest_plugin.util.file_lock import FileLock
lock = FileLock.create(Path(sys.argv[1]))
print(lock.take(), flush=True)
sys.stdin.read()
"""


class FileLockTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        directory.chmod(0o755)  # also for who is not root
        self.path = directory / "lock"

    def opened(self) -> FileLock:
        return self.enterContext(FileLock.create(self.path))

    def test_one_holds_it_also_in_one_process(self) -> None:
        other = self.opened()
        with FileLock.create(self.path) as lock:
            self.assertTrue(lock.take())
            self.assertFalse(other.take())
        self.assertTrue(other.take())
        self.assertTrue(self.path.exists())

    def test_who_reads_the_file_does_not_give_it_up(self) -> None:
        lock, other = self.opened(), self.opened()
        lock.take()
        lock.write("a longer text")
        lock.write("pid 1")
        self.assertEqual("pid 1", self.path.read_text())
        self.assertFalse(other.take())
        self.assertEqual("pid 1", other.read())

    def test_only_the_user_may_open_it(self) -> None:
        self.opened()
        self.assertEqual(0o600, stat.S_IMODE(self.path.stat().st_mode))

    def test_it_ends_with_its_process(self) -> None:
        lock = self.opened()
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder:
            assert holder.stdout is not None
            self.assertEqual("True\n", holder.stdout.readline())
            self.assertFalse(lock.take())
            holder.kill()
            lock.wait()

    def test_programs_do_not_inherit_it(self) -> None:
        lock = FileLock.create(self.path)
        lock.take()
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False):
            lock.close()
            self.assertTrue(self.opened().take())

    def test_one_that_was_removed_and_made_anew(self) -> None:
        lock = self.opened()
        self.assertTrue(lock.is_current)
        self.path.unlink()
        self.assertFalse(lock.is_current)
        self.assertTrue(self.opened().is_current)
        self.assertFalse(lock.is_current)
