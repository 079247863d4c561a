# SPDX-License-Identifier: Apache-2.0
"""The order in which a lab comes up and ends, with nothing of it really there."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from tests.unit.test_lab_record import RECORD
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.lab import lifecycle, start_modes
from vhost_tempest_plugin.lab.spec import LabSpec
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabRecord
from vhost_tempest_plugin.util.progress import silent
from vhost_tempest_plugin.util.tcp_ports import PortTakenError


class PortsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = LabDirectory(Path("/labs/lab"))
        self.calls = mock.Mock()
        self.enterContext(mock.patch.object(start_modes, "jobs", self.calls.jobs))
        self.enterContext(mock.patch.object(start_modes, "Supervision", self.calls.supervision))

    def up(self, taken: int) -> list[LabRecord]:
        """What is started where another program has a port at the first *taken* tries."""
        started: list[LabRecord] = []

        def start(record: LabRecord) -> None:
            started.append(record)
            if len(started) <= taken:
                raise PortTakenError("another program has port 20001")

        lines: list[str] = []
        record = lifecycle._on_free_ports(self.directory, RECORD, start, lines.append)
        self.assertEqual(record, started[-1])
        self.assertEqual(
            ["another program has port 20001; the lab takes other ports"] * taken, lines
        )
        return started

    def test_it_keeps_its_ports_where_it_can(self) -> None:
        self.assertEqual([RECORD], self.up(taken=0))

    def test_it_takes_others_where_another_program_has_one(self) -> None:
        first, second, third = self.up(taken=2)
        self.assertEqual(3, len({first.ports, second.ports, third.ports}))
        self.assertEqual(RECORD, replace(third, ports=RECORD.ports))

    def test_it_does_not_try_for_ever(self) -> None:
        with self.assertRaisesRegex(LocalError, "took a port of lab 'lab' at each of 5 tries"):
            self.up(taken=99)

    def test_what_has_passwords_ends_before_the_ports_are_free(self) -> None:
        """nova-compute in a host would send them to whoever listens there then."""
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict("os.environ", XDG_STATE_HOME=state))
        with (directory := LabDirectory.of("lab")).locked(create=True):
            directory.write(RECORD)
        for ended in (lifecycle.down, lifecycle.destroy):
            with self.subTest(ended.__name__):
                self.calls.reset_mock()
                ended("lab", silent)
                names = [name for name, _, _ in self.calls.mock_calls]
                hosts = [i for i, name in enumerate(names) if name == "jobs.destroy_all"]
                self.assertEqual(1, len(hosts))
                self.assertLess(max(hosts), names.index("supervision().shutdown"))


class PasswordTest(unittest.TestCase):
    def test_a_lab_that_was_down_has_a_new_one(self) -> None:
        """While it was down, the old one may have gone to another program on its port."""
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict("os.environ", XDG_STATE_HOME=state))
        directory = LabDirectory.of("lab")
        with directory.locked(create=True):
            directory.write(RECORD)
        for name in (
            *("environment.obtain", "nested_guest.build", "schema.obtain", "_require_room"),
            *("snapshot.digest", "snapshot.is_current", "run.require", "Lab"),
        ):
            self.enterContext(mock.patch(f"{lifecycle.__name__}.{name}"))
        lifecycle.environment.obtain.return_value.path = RECORD.environment
        self.enterContext(mock.patch.object(start_modes, "end"))
        self.enterContext(mock.patch.object(start_modes, "from_snapshot", return_value=True))
        lifecycle._bring_up(directory, RECORD, LabSpec("lab"), silent)
        after = directory.read().secrets
        self.assertNotEqual(RECORD.secrets.admin, after.admin)
        self.assertEqual(RECORD.secrets, replace(after, admin=RECORD.secrets.admin))
