# SPDX-License-Identifier: Apache-2.0
"""What is left of a host that did not start."""

import dataclasses
import os
import tempfile
import unittest
from unittest import mock

from vhost_tempest_plugin.cli import describe
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import boot, lifecycle, readiness, rewire, status
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.owner import USER
from vhost_tempest_plugin.host.record import Phase
from vhost_tempest_plugin.host.spec import HostSpec
from vhost_tempest_plugin.hypervisor import orphan_processes
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog, requirements
from vhost_tempest_plugin.util.progress import silent

SPEC = HostSpec(catalog.find("small"), "one", Accelerator.TCG)
REFUSED = HostError("cannot start the host: unsupported configuration", hint="see QEMU's log")


class FailedStartTest(unittest.TestCase):
    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))
        self.enterContext(mock.patch.object(requirements, "validate"))
        opened = self.enterContext(mock.patch.object(lifecycle.Connection, "open"))
        self.connection = opened.return_value.__enter__.return_value
        self.connection.find.return_value = None
        self.start = self.enterContext(mock.patch.object(boot, "start", side_effect=REFUSED))
        self.wait = self.enterContext(mock.patch.object(readiness, "wait", return_value=4001))
        self.directory = HostDirectory.of("one")

    def up(self) -> None:
        with self.assertRaises(HostError):
            lifecycle.up(SPEC, silent)

    def test_one_that_libvirt_refuses_has_failed_and_says_why(self) -> None:
        self.up()
        found = status.status("one")
        self.assertEqual((Phase.FAILED, REFUSED.fact), (found.phase, found.failure))
        self.assertIn("failed", describe.host_row(found))
        self.assertIn(REFUSED.fact, describe.detail_row(found))
        self.assertEqual(len(describe.DETAIL_COLUMNS), len(describe.detail_row(found)))

    def test_one_that_does_not_boot_is_ended(self) -> None:
        self.start.side_effect = None
        self.wait.side_effect = HostError("it does not boot")
        self.up()
        self.start.return_value.destroy.assert_called_once_with()
        self.assertEqual("it does not boot", status.status("one").failure)

    def test_it_can_be_started_again(self) -> None:
        self.up()
        self.start.side_effect = None
        lifecycle.up(SPEC, silent)
        self.assertEqual(Phase.RUNNING, self.directory.read().phase)

    def test_it_can_be_given_other_hardware(self) -> None:
        self.up()
        rewire.rewire("one", USER, SPEC.layout, silent)
        self.assertEqual(Phase.OFF, status.status("one").phase)

    def test_it_can_be_destroyed(self) -> None:
        self.up()
        lifecycle.destroy("one", silent)
        self.assertFalse(self.directory.exists)

    def test_one_whose_restore_fails_is_still_saved(self) -> None:
        self.up()
        self.directory.write(dataclasses.replace(self.directory.read(), phase=Phase.SAVED))
        self.directory.saved.touch()
        self.connection.restore.side_effect = REFUSED
        self.up()
        self.assertEqual(Phase.SAVED, status.status("one").phase)

    def test_one_whose_down_was_killed_is_shut_down_before_it_boots(self) -> None:
        self.start.side_effect = None
        lifecycle.up(SPEC, silent)
        domain = self.connection.find.return_value = mock.Mock()
        with mock.patch.object(readiness, "shut_down", side_effect=KeyboardInterrupt) as shut_down:
            with self.assertRaises(KeyboardInterrupt):
                lifecycle.down("one", silent)
            self.start.reset_mock()
            shut_down.side_effect = None
            lifecycle.up(SPEC, silent)
        self.assertEqual([domain, domain], [call.args[0] for call in shut_down.call_args_list])
        self.start.assert_called_once()
        self.connection.find.return_value = None
        self.assertEqual(Phase.OFF, status.status("one").phase)

    def test_one_whose_command_was_killed(self) -> None:
        self.up()
        for phase in (Phase.PREPARING, Phase.BOOTING):
            record = dataclasses.replace(self.directory.read(), phase=phase, failure="")
            self.directory.write(record)
            with self.subTest(phase=phase):
                self.assertIn("was ended", status.status("one").failure)
                with mock.patch.object(orphan_processes, "find", return_value=[7]):
                    self.assertEqual(phase, status.status("one").phase)
                with self.directory.locked():
                    self.assertEqual(phase, status.status("one").phase)
