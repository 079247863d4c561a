# SPDX-License-Identifier: Apache-2.0
"""A database server that runs without a supervisor; a shell stands in for MariaDB."""

import contextlib
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from tests.unit.lab_settings import settings
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.lab.services import database


class RunningAloneTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = self.enterContext(tempfile.TemporaryDirectory())
        self.settings = settings(directory=Path(scratch))
        self.log = self.settings.log(Service.MARIADB)
        self.log.parent.mkdir(parents=True)
        self.log.touch()
        for name, value in {
            "prepare": mock.DEFAULT,
            "is_ready": lambda _: self.log.read_text() == "ready\n",
            "connected": mock.MagicMock(side_effect=contextlib.nullcontext),
        }.items():
            self.enterContext(mock.patch.object(database, name, value))

    def end(self, script: str) -> VhostError:
        """What is said where the server is ended that *script* is."""
        program = SimpleNamespace(argv=("sh", "-c", script))
        with (
            mock.patch.object(database, "program", return_value=program),
            mock.patch.object(database, "connected"),
            self.assertRaises(VhostError) as caught,
            database.running_alone(self.settings),
        ):
            self.assertTrue(database.is_ready(self.settings))
        self.assertEqual(f"see {self.log}", caught.exception.hint)
        return caught.exception

    def test_one_that_does_not_end(self) -> None:
        with mock.patch.object(database, "_STOP_LIMIT_S", 0.1):
            error = self.end('trap "" TERM; echo ready; sleep 470 & wait; wait; sleep 470')
        self.assertIn("waiting for the end of MariaDB", error.fact)

    def test_one_that_ends_badly(self) -> None:
        error = self.end('trap "exit 3" TERM; echo ready; sleep 470 & wait')
        self.assertEqual("MariaDB ended with 3", error.fact)
