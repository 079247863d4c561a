# SPDX-License-Identifier: Apache-2.0
"""What is left of a lab that does not come up, and what the command says then."""

import os
import tempfile
import unittest
from unittest import mock

from vhost_tempest_plugin.errors import HostError, VhostError, in_order
from vhost_tempest_plugin.host import jobs
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.worker_protocol import Request
from vhost_tempest_plugin.lab import lifecycle
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.lab.spec import LabSpec
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabPhase
from vhost_tempest_plugin.util.progress import silent


class CleanUpTest(unittest.TestCase):
    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(
            mock.patch.dict(os.environ, {"XDG_STATE_HOME": state, "XDG_CACHE_HOME": state})
        )
        for module, name in (
            (lifecycle.preflight, "require"),
            (lifecycle.preflight, "require_places"),
            (lifecycle.nested_guest, "build"),
            (lifecycle.schema, "obtain"),
            (Supervision, "shutdown"),
        ):
            self.enterContext(mock.patch.object(module, name))
        obtain = self.enterContext(mock.patch.object(lifecycle.environment, "obtain"))
        obtain.return_value.release.name = "2026.1"
        obtain.return_value.path = LabDirectory.of("lab").path
        failure = HostError("the lab does not boot")
        self.enterContext(mock.patch.object(lifecycle.snapshot, "digest", side_effect=failure))
        self.enterContext(mock.patch.object(jobs, "run", self.refuse))
        self.asked: list[str] = []
        for name in ("lab-0", "lab-1"):
            # As of a command that was killed: with nothing in it yet.
            HostDirectory.of(name).path.mkdir(parents=True)

    def refuse(self, request: Request, *others: object) -> None:
        self.asked.append(request.name)
        raise HostError(f"{request.name} does not end")

    def test_its_first_error_is_not_hidden_and_each_host_is_tried(self) -> None:
        with self.assertRaises(VhostError) as caught:
            lifecycle.up(LabSpec("lab", hosts=2), silent)
        self.assertEqual("the lab does not boot", in_order(caught.exception)[0].fact)
        self.assertEqual(["lab-0", "lab-1"], sorted(self.asked))
        self.assertIs(LabPhase.DOWN, LabDirectory.of("lab").read().phase)
