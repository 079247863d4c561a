# SPDX-License-Identifier: Apache-2.0
"""What is kept of a lab."""

import errno
import json
import os
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest import mock

from tests.unit import users
from vhost_tempest_plugin.cloud.configuration.settings import Ports, Settings
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.errors import HostError, LocalError
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.lab import start_modes
from vhost_tempest_plugin.lab.hosts import snapshot
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.util import durability
from vhost_tempest_plugin.util.tcp_ports import PortTakenError


class PutBackTest(unittest.TestCase):
    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))
        Path(state).chmod(0o1777)
        self.lab = LabDirectory.of("mine")

    def lay(self) -> None:
        """A snapshot, and a database of now with a file that cannot be removed."""
        for name in ("mysql", "glance"):
            (self.lab.snapshot / name).mkdir(parents=True)
            (self.lab.snapshot / name / "kept").touch()
        (self.lab.mysql / "nova").mkdir(parents=True)
        (self.lab.mysql / "nova" / "new").touch()
        (self.lab.mysql / "nova").chmod(0o555)

    def test_databases_of_now_and_of_then_are_not_mixed(self) -> None:
        def put_back() -> str:
            self.lay()
            try:
                snapshot.put_back(self.lab)
            except LocalError as error:
                return f"{str(error).rpartition('; ')[2]} {self.lab.mysql.exists()}"
            return f"mixed: {sorted(path.name for path in self.lab.mysql.iterdir())}"

        self.assertEqual("remove it as root False", users.as_ordinary(put_back))

    def test_one_that_cannot_be_forgotten_is_not_current(self) -> None:
        def forget() -> str:
            self.lay()
            (self.lab.snapshot / "snapshot.json").write_text('{"digest": "d"}')
            (self.lab.snapshot / "mysql").chmod(0o555)
            try:
                snapshot.forget(self.lab)
            except LocalError:
                return f"is current: {snapshot.is_current(self.lab, 'd')}"
            return "forgotten"

        self.assertEqual("is current: False", users.as_ordinary(forget))


class PutBackHostTest(unittest.TestCase):
    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))
        self.lab = LabDirectory.of("mine")
        self.kept = self.lab.snapshot / "hosts/mine-0"
        self.kept.mkdir(parents=True)

    def test_a_record_of_another_version(self) -> None:
        (self.kept / "record.json").write_text(json.dumps({"format": 0}))
        with self.assertRaisesRegex(HostError, "not of format.*'vhost lab up --cold --name mine'"):
            snapshot.put_back_host(self.lab, "mine-0")
        self.assertFalse(HostDirectory.of("mine-0").is_recorded)


class WholeTest(unittest.TestCase):
    """What is kept is on the disk before it counts, and damage to it is noticed."""

    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))
        self.lab = LabDirectory.of("mine")
        for place in (self.lab.mysql / "nova", self.lab.glance, HostDirectory.of("mine-0").path):
            place.mkdir(parents=True)
            (place / "file").write_text("content")
        self.settings = SimpleNamespace(
            hosts=(SimpleNamespace(name="mine-0"),), ports=Ports(*range(8))
        )

    def take(self) -> None:
        snapshot.take(self.lab, cast(Settings, self.settings), "d")

    def test_any_damage_makes_it_no_snapshot(self) -> None:
        for name in ("mysql/nova/file", "glance/file", "hosts/mine-0/file", "snapshot.json"):
            for size in (0, 3, None):
                with self.subTest(name, size=size):
                    self.take()
                    self.assertTrue(snapshot.is_current(self.lab, "d"))
                    self.assertFalse(snapshot.is_damaged(self.lab))
                    file = self.lab.snapshot / name
                    file.unlink() if size is None else os.truncate(file, size)
                    self.assertFalse(snapshot.is_current(self.lab, "d"))
                    self.assertTrue(snapshot.is_damaged(self.lab))

    def test_it_is_flushed_before_it_has_its_name(self) -> None:
        self.take()
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        (self.lab.glance / "new").touch()
        with (
            mock.patch.object(durability, "flush_file_system", side_effect=full),
            self.assertRaisesRegex(LocalError, "No space left.*; free some space"),
        ):
            self.take()
        self.assertTrue(snapshot.is_current(self.lab, "d"), "the one before is kept")
        self.assertFalse((self.lab.snapshot / "glance/new").exists())
        self.assertFalse(self.lab.snapshot.with_name("snapshot.partial").exists())


class FromSnapshotTest(unittest.TestCase):
    """A lab whose snapshot does not come up is started anew."""

    def start(self, error: Exception | None) -> bool:
        module = "vhost_tempest_plugin.lab.start_modes"
        with (
            mock.patch(f"{module}.warm", side_effect=error),
            mock.patch(f"{module}.Supervision") as self.supervision,
            mock.patch(f"{module}.jobs"),
        ):
            record = SimpleNamespace(hosts=("mine-0",))
            lab = SimpleNamespace(directory=LabDirectory.of("mine"), record=record)
            self.news: list[str] = []
            return start_modes.from_snapshot(cast(Lab, lab), self.news.append)

    def test_what_is_the_snapshot_s_fault(self) -> None:
        self.assertTrue(self.start(None))
        for error in (HostError("no host"), StartError("no database", "mariadb")):
            self.assertFalse(self.start(error))
            self.supervision.return_value.shutdown.assert_called_once()
            self.assertEqual(
                [f"what was kept of the lab does not come up: {error.fact}"], self.news
            )

    def test_what_is_not(self) -> None:
        for error in (
            StartError("no nova", "nova-compute"),
            PortTakenError("no port"),
            LocalError("no memory"),
        ):
            with self.subTest(str(error)), self.assertRaises(type(error)):
                self.start(error)
