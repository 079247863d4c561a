# SPDX-License-Identifier: Apache-2.0
"""What is kept of a lab."""

import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tests.unit import users
from vhost_tempest_plugin.errors import HostError, LocalError
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.lab.hosts import snapshot
from vhost_tempest_plugin.lab.state.directory import LabDirectory


class PutBackTest(unittest.TestCase):
    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))
        Path(state).chmod(0o777)
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
