# SPDX-License-Identifier: Apache-2.0
"""Disks made of directories by the real mkfs.ext4, and read with debugfs."""

import os
import socket
import subprocess
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path, PurePosixPath
from unittest import mock
from uuid import UUID

from vhost_tempest_plugin.errors import InputError, LocalError
from vhost_tempest_plugin.host import share_images
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.host.share import Share, ShareDisk
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util.process import which

PLACE = PurePosixPath("/opt/tree")


def debugfs(image: Path, command: str) -> str:
    argv = [which("debugfs"), "-R", command, image]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


class SharingTest(unittest.TestCase):
    def setUp(self) -> None:
        home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.tree = home / "tree"
        (self.tree / "below").mkdir(parents=True)
        (self.tree / "below/file").write_text("content")
        (self.tree / "link").symlink_to("below/file")
        program = self.tree / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o750)
        self.directory = HostDirectory(home / "hosts/one")
        self.directory.path.mkdir(parents=True)
        self.share = Share(self.tree, PLACE)
        self.news: list[str] = []

    def attach(self, *shares: Share) -> tuple[ShareDisk, ...]:
        return share_images.attach(shares or (self.share,), self.directory, self.news.append)

    def test_there_is_an_inode_for_each_of_many_files(self) -> None:
        """mke2fs rounds their number down in each group of blocks, of which there are many here."""
        with (self.tree / "large").open("wb") as large:
            large.truncate(400 << 20)
        for number in range(600):
            (self.tree / f"below/{number}").touch()
        [disk] = self.attach()
        self.assertIn("Inode: ", debugfs(disk.image, "stat below/599"))

    def test_a_damaged_disk_is_made_again(self) -> None:
        [disk] = self.attach()
        whole_bytes = disk.image.stat().st_size
        for left_bytes in (0, 100, 4096, whole_bytes // 2, whole_bytes - 1):
            with self.subTest(left_bytes=left_bytes):
                os.truncate(disk.image, left_bytes)
                [again] = self.attach()
                self.assertEqual(whole_bytes, again.image.stat().st_size)
                self.assertEqual("content", debugfs(again.image, "cat below/file"))

    def test_a_directory_becomes_a_disk(self) -> None:
        [disk] = self.attach()
        self.assertEqual(self.directory.path / "share-1.ext4", disk.image)
        self.assertEqual("content", debugfs(disk.image, "cat below/file"))
        self.assertIn('Fast link dest: "below/file"', debugfs(disk.image, "stat link"))
        self.assertRegex(debugfs(disk.image, "stat program"), r"Mode: +0750")
        owner = self.tree.stat()
        self.assertRegex(
            debugfs(disk.image, "stat program"), rf"User: +{owner.st_uid} +Group: +{owner.st_gid} "
        )
        self.assertNotIn("has_journal", debugfs(disk.image, "features"))
        self.assertEqual({self.directory.path / "share-1.ext4"}, set(self.directory.path.iterdir()))

    def test_it_is_made_anew_where_anything_changed(self) -> None:
        def rewritten() -> None:
            (self.tree / "below/file").write_text("CONTENT")

        def touched() -> None:
            os.utime(self.tree / "program", (1, 1))

        def moved() -> None:
            (self.tree / "below/file").rename(self.tree / "below/other")

        def linked() -> None:
            (self.tree / "link").unlink()
            (self.tree / "link").symlink_to("below/fils")

        def closed() -> None:
            (self.tree / "program").chmod(0o700)

        def emptied() -> None:
            (self.tree / "below/other").unlink()

        [before] = self.attach()
        self.assertEqual((before,), self.attach())
        self.assertEqual(1, len(self.news))
        for change in (rewritten, touched, moved, linked, closed, emptied):
            with self.subTest(change.__name__):
                change()
                [after] = self.attach()
                self.assertNotEqual(before.identity, after.identity)
                self.assertEqual((after,), self.attach())
                before = after

    def test_many_and_large_and_odd_files(self) -> None:
        many = self.tree / "many"
        many.mkdir()
        for number in range(3000):
            (many / f"a-rather-long-name-for-a-file-{number:05}").touch()
        with (self.tree / "large").open("wb") as large:
            large.truncate(1 << 33)
        (self.tree / "ünï").write_bytes(b"x" * 5_000_000)
        os.mkfifo(self.tree / "fifo")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.tree / "socket"))
        [disk] = self.attach()
        self.assertLess(disk.image.stat().st_blocks * 512, 64 << 20)
        self.assertEqual(3000, debugfs(disk.image, "ls -p many").count("a-rather-long"))
        self.assertRegex(debugfs(disk.image, "stat large"), rf"Size: {1 << 33}\n")
        checked = subprocess.run([which("e2fsck"), "-fn", disk.image], capture_output=True)
        self.assertEqual(0, checked.returncode, checked.stdout)

    def test_an_empty_directory(self) -> None:
        empty = self.tree / "empty"
        empty.mkdir()
        [disk] = self.attach(Share(empty, PLACE))
        self.assertIn("lost+found", debugfs(disk.image, "ls"))

    def test_an_image_is_attached_as_it_is(self) -> None:
        [made] = self.attach()
        [disk] = self.attach(Share(made.image, PLACE))
        self.assertEqual(made, disk)
        share_images.require((Share(made.image, PLACE),), self.directory)

    def test_what_cannot_be_made_leaves_what_there_was(self) -> None:
        [before] = self.attach()
        (self.tree / "more").touch()
        no_room = mock.patch("shutil.disk_usage", return_value=mock.Mock(free=1 << 20))
        broken = mock.patch.object(share_images.ext4, "making_read_only", return_value=["false"])
        for fault, said in ((no_room, "1 MiB free"), (broken, "no disk can be made")):
            with self.subTest(said), fault, self.assertRaisesRegex(LocalError, said):
                self.attach()
            self.assertEqual([before.image], list(self.directory.path.iterdir()))

    def test_a_source_that_goes_between(self) -> None:
        with self.assertRaisesRegex(InputError, "'/nosuch', which the host is to share, is gone"):
            self.attach(Share(Path("/nosuch"), PLACE))

    def test_a_saved_host_wants_the_disks_that_it_had(self) -> None:
        disks = self.attach()
        record = HostRecord("one", UUID(int=1), "small", Accelerator.TCG, "", shares=(self.share,))
        record = replace(record, share_disks=disks)
        share_images.require_unchanged(record)
        os.utime(disks[0].image, (1, 1))
        share_images.require_unchanged(record)
        (self.tree / "more").touch()
        self.attach()
        with self.assertRaisesRegex(
            InputError, "has changed since host 'one' .*'vhost up --name one --cold'"
        ):
            share_images.require_unchanged(record)
        disks[0].image.unlink()
        with self.assertRaisesRegex(InputError, "is gone; put it back"):
            share_images.require_unchanged(record)

    def test_disks_that_would_be(self) -> None:
        [made] = self.attach()
        shares = (self.share, Share(made.image, PurePosixPath("/opt/image")))
        images = [disk.image for disk in share_images.disks(shares, self.directory)]
        self.assertEqual([made.image, made.image], images)
