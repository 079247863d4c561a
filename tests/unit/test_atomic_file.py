# SPDX-License-Identifier: Apache-2.0
import errno
import os
import stat
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tests.unit import users
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.util import atomic_file, durability


class AtomicFileTest(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.directory / "below" / "file"

    def names(self) -> list[str]:
        return [path.name for path in self.file.parent.iterdir()]

    def mode(self) -> int:
        return stat.S_IMODE(self.file.stat().st_mode)

    def test_it_is_made_for_this_user_alone(self) -> None:
        atomic_file.write(self.file, "é")
        self.assertEqual("é".encode(), self.file.read_bytes())
        self.assertEqual(0o600, self.mode())
        self.assertEqual(0o700, stat.S_IMODE(self.file.parent.stat().st_mode))

    def test_it_is_replaced_with_its_mode(self) -> None:
        atomic_file.write(self.file, "old")
        previous = os.umask(0o077)
        self.addCleanup(os.umask, previous)
        atomic_file.write(self.file, b"new", mode=0o644, owner=(os.getuid(), os.getgid()))
        self.assertEqual((b"new", 0o644), (self.file.read_bytes(), self.mode()))
        self.assertEqual(["file"], self.names())

    def test_what_a_killed_one_left_is_no_obstacle(self) -> None:
        self.file.parent.mkdir()
        self.file.with_name(".file.partial").write_text("half")
        atomic_file.write(self.file, "whole")
        self.assertEqual("whole", self.file.read_text())
        self.assertEqual(["file"], self.names())

    def test_on_a_full_disk_it_stays_as_it_was(self) -> None:
        atomic_file.write(self.file, "old")
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with (
            mock.patch("os.fsync", side_effect=full),
            self.assertRaisesRegex(LocalError, "No space left on device; free some space"),
        ):
            atomic_file.write(self.file, "new", durable=True)
        self.assertEqual("old", self.file.read_text())
        self.assertEqual(["file"], self.names())

    def test_it_is_on_the_disk_before_it_has_its_name(self) -> None:
        calls = []
        flush, rename = durability.flush, Path.replace
        with (
            mock.patch.object(
                durability, "flush", lambda path: calls.append(path.name) or flush(path)
            ),
            mock.patch.object(
                Path, "replace", lambda *paths: calls.append("replace") or rename(*paths)
            ),
        ):
            atomic_file.write(self.file, "text", durable=True)
            self.assertEqual([".file.partial", "replace", "below"], calls)
            calls.clear()
            atomic_file.write(self.file, "text")
            self.assertEqual(["replace"], calls)

    def test_a_directory_of_others(self) -> None:
        def write() -> str:
            try:
                atomic_file.write(Path("/proc/sys/file"), "text")
            except LocalError as error:
                return error.hint
            return "written"

        self.assertIn("permissions", users.as_ordinary(write))

    def test_what_another_program_makes(self) -> None:
        self.file.parent.mkdir()
        with atomic_file.replacing(self.file) as partial:
            partial.symlink_to("target")
            self.assertFalse(self.file.exists())
        self.assertEqual(Path("target"), self.file.readlink())

    def test_what_another_program_does_not_finish(self) -> None:
        atomic_file.write(self.file, "old")
        with self.assertRaises(KeyError), atomic_file.replacing(self.file) as partial:
            partial.write_text("half")
            raise KeyError
        self.assertEqual("old", self.file.read_text())
        self.assertEqual(["file"], self.names())
