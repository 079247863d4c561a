# SPDX-License-Identifier: Apache-2.0
"""A lab as it is recorded, and what runs of it with one Nova or another."""

import dataclasses
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tests.unit.lab_settings import PORTS, SECRETS
from vhost_tempest_plugin.cloud.compute.copies import Tree
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.lab import overrides, runtime, start_modes
from vhost_tempest_plugin.lab.hosts.compute_hosts import ComputeHosts
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.runtime import LabRuntime
from vhost_tempest_plugin.lab.services.control_plane import ControlPlane
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabPhase, LabRecord
from vhost_tempest_plugin.topology import catalog, yaml_file
from vhost_tempest_plugin.util.progress import silent

TAKEN = Tree(Path("/nova/a"), {"nova/x.py": "1"})
NEW = Tree(Path("/nova/b"), {"nova/x.py": "2"})


class LabCase(unittest.TestCase):
    """A recorded lab, with a Nova under test that is only noted."""

    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))
        self.record = LabRecord(
            name="lab",
            topology="small",
            release="2026.1",
            environment=Path(state) / "environment/digest/venv",
            hosts=("lab-0", "lab-1"),
            accelerator=Accelerator.TCG,
            created="2026-11-30T00:00:00+00:00",
            ports=PORTS,
            secrets=SECRETS,
            phase=LabPhase.READY,
        )
        (self.record.environment.parent).mkdir(parents=True)
        (self.record.environment.parent / "environment.img").touch()
        self.directory = LabDirectory.of("lab")
        with self.directory.locked(create=True):
            self.directory.topology.write_text(yaml_file.dump(catalog.find("small").host))
            self.directory.write(self.record)
        self.source = self.enterContext(mock.patch.object(runtime, "NovaSource")).return_value
        self.source.current.return_value = TAKEN
        self.source.take.return_value = NEW

    def lab(self, **fields: object) -> Lab:
        return Lab(self.directory, dataclasses.replace(self.record, **fields))  # type: ignore[arg-type]


class RecordTest(LabCase):
    def test_settings_follow_from_the_record(self) -> None:
        lab = Lab.find("lab")
        self.assertEqual(("lab-0", "lab-1"), tuple(host.name for host in lab.settings.hosts))
        self.assertIs(lab.settings, lab.settings)
        self.assertEqual(self.record.environment, lab.environment.path)
        self.assertEqual("lab-1", lab.host("lab-1").name)
        with self.assertRaisesRegex(InputError, "no host 'lab-2'; it has lab-0, lab-1"):
            lab.host("lab-2")

    def test_what_is_not_up_is_refused(self) -> None:
        with self.assertRaisesRegex(InputError, "'vhost lab up --name lab' brings it up"):
            Lab.running("lab")
        with mock.patch.object(Supervision, "is_running", return_value=True):
            self.assertEqual("lab", Lab.running("lab").name)


class NovaTest(LabCase):
    def test_the_releases_own_needs_no_source(self) -> None:
        for made in (LabRuntime.with_new_nova, LabRuntime.with_kept_nova):
            made(self.lab(), silent).upgrade_schema()
        self.assertEqual([], self.source.mock_calls)

    def test_kept_is_what_was_taken_last(self) -> None:
        LabRuntime.with_kept_nova(self.lab(nova=Path("/src/nova")), silent).take_over()
        self.source.take.assert_not_called()
        self.source.select.assert_called_once_with(TAKEN)

    def test_kept_is_taken_where_nothing_was_yet(self) -> None:
        self.source.current.return_value = None
        LabRuntime.with_kept_nova(self.lab(nova=Path("/src/nova")), silent).take_over()
        self.source.select.assert_called_once_with(NEW)

    def test_a_nova_that_fails_is_taken_back(self) -> None:
        before, lab = self.lab(nova=Path("/src/nova")), self.lab(nova=Path("/src/other"))
        healed: list[Path | None] = []

        def heal(what: LabRuntime) -> None:
            healed.append(Lab.find("lab").record.nova)
            if what.lab is lab:
                raise ZeroDivisionError

        with (
            mock.patch.object(LabRuntime, "heal", heal),
            self.assertRaises(ZeroDivisionError),
        ):
            start_modes.change_nova(before, lab, silent)
        self.assertEqual([Path("/src/other"), Path("/src/nova")], healed)
        self.assertEqual([mock.call(NEW), mock.call(TAKEN)], self.source.select.mock_calls)

    def test_one_that_does_not_import_changes_nothing(self) -> None:
        self.source.take.side_effect = InputError("it does not import")
        with self.assertRaises(InputError):
            start_modes.change_nova(self.lab(), self.lab(nova=Path("/src/nova")), silent)
        self.assertIsNone(Lab.find("lab").record.nova)


class OverridesTest(LabCase):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(mock.patch.object(Supervision, "is_running", return_value=True))
        self.enterContext(mock.patch.object(overrides, "verify", lambda settings, wanted: wanted))
        self.enterContext(mock.patch.object(ControlPlane, "running", return_value=frozenset()))
        self.restarting = self.enterContext(mock.patch.object(ComputeHosts, "restarting"))

    def test_options_are_recorded_and_put_back(self) -> None:
        with (
            mock.patch.object(ControlPlane, "restart_changed"),
            overrides.changed("lab", "nova-scheduler", ["DEFAULT.debug=true"], silent),
        ):
            (entry,) = Lab.find("lab").record.overrides
            self.assertEqual(("debug", "true"), (entry.option, entry.value))
        self.assertEqual((), Lab.find("lab").record.overrides)

    def test_those_that_a_service_refuses_are_put_back(self) -> None:
        restart = mock.Mock(side_effect=[ZeroDivisionError, None])
        with (
            mock.patch.object(ControlPlane, "restart_changed", restart),
            self.assertRaises(ZeroDivisionError),
        ):
            overrides.put("lab", "nova-scheduler", ["DEFAULT.debug=true"], silent)
        self.assertEqual(2, restart.call_count)
        self.assertEqual((), Lab.find("lab").record.overrides)
