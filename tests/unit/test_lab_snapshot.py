# SPDX-License-Identifier: Apache-2.0
"""What is kept of a lab."""

import json
import os
import tempfile
import unittest
from unittest import mock

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.lab.hosts import snapshot
from vhost_tempest_plugin.lab.state.directory import LabDirectory


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
