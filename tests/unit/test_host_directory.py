# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import multiprocessing
import os
import stat
import tempfile
import threading
import time
import unittest
from multiprocessing.connection import Connection
from pathlib import Path, PurePosixPath
from unittest import mock
from uuid import UUID

from vhost_tempest_plugin.errors import BusyError, HostError, InputError
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.record import HostRecord, Phase
from vhost_tempest_plugin.host.share import Share, ShareDisk
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.util.waiting import wait_for

RECORD = HostRecord(
    name="article",
    uuid=UUID("9a7f2a6a-2b5e-4b57-8a4c-000000000001"),
    topology="article",
    accelerator=Accelerator.TCG,
    created="2026-11-23T23:00:00+00:00",
)


def hold(name: str, peer: Connection) -> None:
    """Hold the host in another process until the peer says so."""
    with HostDirectory.of(name).locked(create=True):
        HostDirectory.of(name).write(RECORD)
        peer.send("held")
        peer.recv()


class StateTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        environment = mock.patch.dict(os.environ, {"XDG_STATE_HOME": directory.name})
        environment.start()
        self.addCleanup(environment.stop)
        self.host = HostDirectory.of("article")

    def test_what_the_console_said_is_kept_over_a_restore(self) -> None:
        made = self.made()
        made.keep_console()
        self.assertFalse(made.console_before.exists())
        made.console_log.write_text("Linux version")
        made.keep_console()
        made.console_log.touch()
        made.keep_console()
        self.assertEqual("Linux version", made.console_before.read_text())

    def made(self) -> HostDirectory:
        with self.host.locked(create=True):
            self.host.write(RECORD)
        return self.host


class RecordTest(StateTest):
    def test_what_is_written_is_read(self) -> None:
        record = dataclasses.replace(
            RECORD,
            phase=Phase.RUNNING,
            accelerator=Accelerator.KVM,
            uri=LibvirtUri.SESSION,
            image_digest="abc",
            guest_digest="def",
            ssh_port=40741,
            shares=(Share(Path("/e.img"), PurePosixPath("/opt/é")),),
            share_disks=(ShareDisk(Path("/e.img"), "abc"),),
        )
        self.made().write(record)
        self.assertEqual(record, self.host.read())

    def test_only_the_user_may_read_it(self) -> None:
        host = self.made()
        self.assertEqual(0o700, stat.S_IMODE(host.path.stat().st_mode))
        self.assertEqual(0o600, stat.S_IMODE((host.path / "record.json").stat().st_mode))

    def test_an_unknown_host_is_the_users_mistake(self) -> None:
        with self.assertRaisesRegex(InputError, "no host 'article'; see 'vhost list'"):
            self.host.read()

    def test_a_damaged_record_names_the_one_command(self) -> None:
        good = json.loads(RECORD.dump())
        damaged = {
            "empty": "",
            "cut": RECORD.dump()[:40],
            "no object": "[1]",
            "of another format": json.dumps({**good, "format": 1}),
            "with a field too many": json.dumps({**good, "more": 1}),
            "with one too few": json.dumps({k: v for k, v in good.items() if k != "uuid"}),
            "with no uuid": json.dumps({**good, "uuid": "x"}),
            "with a null": json.dumps({**good, "name": None}),
            "with a word for a number": json.dumps({**good, "ssh_port": "22"}),
            "with a share of the wrong kind": json.dumps({**good, "shares": ["/a:/b"]}),
            "with half a share": json.dumps({**good, "shares": [{"source": "/a"}]}),
            "with a share in a bad place": json.dumps(
                {**good, "shares": [{"source": "/a", "path": "/etc"}]}
            ),
            "with a number for a disk": json.dumps(
                {**good, "share_disks": [{"image": 1, "identity": ""}]}
            ),
            "with no list of shares": json.dumps({**good, "shares": None}),
            "in no known phase": json.dumps({**good, "phase": "asleep"}),
        }
        host = self.made()
        for case, text in damaged.items():
            with self.subTest(case):
                (host.path / "record.json").write_text(text)
                with self.assertRaisesRegex(HostError, "run 'vhost destroy article'$") as caught:
                    host.read()
                self.assertNotIn("\n", str(caught.exception))

    def test_a_damaged_host_is_listed_and_removed(self) -> None:
        (self.made().path / "record.json").write_bytes(b"\xff\0")
        self.assertEqual([self.host], HostDirectory.all())
        with self.host.locked():
            self.host.remove()
        self.assertEqual([], HostDirectory.all())

    def test_a_write_that_fails_keeps_the_old_record(self) -> None:
        host = self.made()
        with (
            mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")),
            self.assertRaisesRegex(Exception, "No space left on device; free some space"),
        ):
            host.write(dataclasses.replace(RECORD, phase=Phase.SAVED))
        self.assertEqual(RECORD, host.read())


class NameTest(StateTest):
    def test_names_that_could_lead_elsewhere_are_refused(self) -> None:
        names = ["", ".", "..", "a/b", "../x", "A", "1a", "a_b", "a" * 41, "a-", "a\n", "ä"]
        for name in names:
            with self.subTest(name), self.assertRaisesRegex(InputError, "is no host name"):
                HostDirectory.of(name)

    def test_names_that_are_good(self) -> None:
        for name in ("a", "article", "ci-2", "a" * 40):
            self.assertEqual(name, HostDirectory.of(name).name)


class LockTest(StateTest):
    def holder(self) -> tuple[multiprocessing.Process, Connection]:
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=hold, args=("article", theirs), daemon=True)
        process.start()
        self.addCleanup(process.join)
        self.addCleanup(process.kill)
        wait_for(ours.poll, "the holder", 30, poll_s=0.01)
        return process, ours

    def test_a_second_command_is_refused_and_names_the_holder(self) -> None:
        process, _ = self.holder()
        news: list[str] = []
        with self.assertRaisesRegex(BusyError, rf"'article' is in use by pid {process.pid} \("):
            self.host.locked(progress=news.append).__enter__()
        self.assertEqual([], news, "it does not wait")
        self.assertEqual([process.pid], [holder.pid for holder in self.host.holders()])

    def test_who_holds_it_still_does_when_asked_who_does(self) -> None:
        with self.host.locked(create=True):
            self.host.write(RECORD)
            self.assertEqual([os.getpid()], [holder.pid for holder in self.host.holders()])
            with self.assertRaises(BusyError):
                self.host.locked().__enter__()
        self.assertEqual([], self.host.holders())

    def test_a_second_command_waits_and_says_so(self) -> None:
        process, peer = self.holder()
        news: list[str] = []

        def progress(line: str) -> None:
            news.append(line)
            peer.send("release")

        with self.host.locked(wait_s=30, progress=progress):
            self.assertEqual(RECORD, self.host.read())
        self.assertEqual(1, len(news))
        self.assertIn(f"waiting for pid {process.pid}", news[0])

    def test_waiting_has_an_end(self) -> None:
        self.holder()
        begun_s = time.monotonic()
        with self.assertRaises(BusyError):
            self.host.locked(wait_s=0.3).__enter__()
        self.assertGreaterEqual(time.monotonic() - begun_s, 0.3)

    def test_a_killed_holder_holds_nothing(self) -> None:
        process, _ = self.holder()
        process.kill()
        process.join()
        with self.host.locked():
            self.assertEqual(RECORD, self.host.read())

    def test_who_waited_for_a_destroyed_host_does_not_hold_it(self) -> None:
        self.made()
        answers: list[str] = []
        waiting = threading.Event()

        def wait() -> None:
            try:
                with self.host.locked(wait_s=30, progress=lambda _news: waiting.set()):
                    answers.append("held")
            except InputError as error:
                answers.append(str(error))

        with self.host.locked():
            waiter = threading.Thread(target=wait)
            waiter.start()
            wait_for(waiting.is_set, "the news", 30, poll_s=0.01)
            self.host.remove()
        waiter.join()
        self.assertEqual(["there is no host 'article'; see 'vhost list'"], answers)

    def test_nothing_is_left_of_a_host_that_never_was(self) -> None:
        with self.assertRaises(InputError), self.host.locked(create=True):
            (self.host.path / "overlay.qcow2").touch()
            raise InputError("refused")
        self.assertFalse(self.host.exists)

    def test_a_host_that_was_recorded_stays(self) -> None:
        self.made()
        with self.assertRaises(InputError), self.host.locked(create=True):
            raise InputError("refused")
        self.assertEqual(RECORD, self.host.read())

    def test_a_host_that_is_not_there_is_not_made_by_looking(self) -> None:
        with self.assertRaises(InputError):
            self.host.locked().__enter__()
        self.assertFalse(self.host.exists)


class ListTest(StateTest):
    def test_hosts_by_name_and_nothing_else(self) -> None:
        for name in ("b", "a"):
            with HostDirectory.of(name).locked(create=True):
                HostDirectory.of(name).write(dataclasses.replace(RECORD, name=name))
        (Path(os.environ["XDG_STATE_HOME"]) / "vhost/hosts/.Trash").mkdir()
        self.assertEqual(["a", "b"], [host.name for host in HostDirectory.all()])

    def test_what_an_interrupted_removal_left_goes_with_the_next(self) -> None:
        host = self.made()
        leftover = host.path.with_name(".old.1.removed")
        leftover.mkdir()
        (leftover / "overlay.qcow2").touch()
        self.assertEqual([host], HostDirectory.all())
        with host.locked():
            host.remove()
        self.assertEqual([], list(host.path.parent.iterdir()))

    def test_no_hosts(self) -> None:
        self.assertEqual([], HostDirectory.all())
