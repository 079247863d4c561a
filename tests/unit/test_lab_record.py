# SPDX-License-Identifier: Apache-2.0
import json
import os
import stat
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override, Ports
from vhost_tempest_plugin.errors import HostError, InputError
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.lab.services import secret
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabPhase, LabRecord

RECORD = LabRecord(
    name="lab",
    topology="small",
    release="2026.2",
    environment=Path("/cache/environment/abc/venv"),
    hosts=("lab-0", "lab-1"),
    accelerator=Accelerator.TCG,
    created="2026-11-24T13:00:00+00:00",
    ports=Ports(*range(20001, 20009)),
    secrets=secret.choose(),
)


class RecordTest(unittest.TestCase):
    def test_what_is_written_is_read(self) -> None:
        for record in (
            RECORD,
            replace(
                RECORD,
                nova=Path("/work/nova"),
                phase=LabPhase.READY,
                overrides=(
                    Override(Service.NOVA_COMPUTE, "pci", "report_in_placement", "true"),
                    Override(Service.NOVA_API, "pci", "alias", ("{}", "[]")),
                ),
            ),
        ):
            with self.subTest(record=record):
                self.assertEqual(record, LabRecord.load(record.dump()))

    def test_damage_is_reported(self) -> None:
        good = json.loads(RECORD.dump())
        for name, damaged in {
            "no JSON": "{",
            "another format": json.dumps({**good, "format": 0}),
            "no ports": json.dumps({k: v for k, v in good.items() if k != "ports"}),
            "a new field": json.dumps({**good, "more": 1}),
            "an unknown phase": json.dumps({**good, "phase": "asleep"}),
        }.items():
            with self.subTest(name), self.assertRaises(ValueError):
                LabRecord.load(damaged)

    def test_secrets_are_not_in_its_representation(self) -> None:
        for text in (repr(RECORD), str(RECORD)):
            self.assertNotIn(RECORD.secrets.admin, text)

    def test_secrets_differ(self) -> None:
        first, second = secret.choose(), secret.choose()
        values = {getattr(s, name) for s in (first, second) for name in s.__dataclass_fields__}
        self.assertEqual(2 * len(first.__dataclass_fields__), len(values))
        self.assertTrue(all(len(value) >= 32 and value.isalnum() for value in values))


class DirectoryTest(unittest.TestCase):
    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))
        self.lab = LabDirectory.of("lab")

    def test_only_the_user_may_look(self) -> None:
        with self.lab.locked(create=True):
            self.lab.write(RECORD)
            self.lab.prepare()
        self.assertEqual(RECORD, self.lab.read())
        self.assertEqual(0o600, stat.S_IMODE((self.lab.path / "record.json").stat().st_mode))
        for name in ("", "etc", "log", "run", "glance"):
            self.assertEqual(0o700, stat.S_IMODE((self.lab.path / name).stat().st_mode), name)

    def test_messages_are_of_labs(self) -> None:
        with self.assertRaisesRegex(InputError, "no lab 'lab'; see 'vhost lab list'"):
            self.lab.read()
        with self.lab.locked(create=True):
            (self.lab.path / "record.json").write_text("{")
        with self.assertRaisesRegex(HostError, "run 'vhost lab destroy --name lab'"):
            self.lab.read()
        self.assertEqual([self.lab], LabDirectory.all())
