# SPDX-License-Identifier: Apache-2.0
"""What labs of several users, or several labs of one, have of a machine: nothing twice."""

import dataclasses
import os
import re
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from tests.unit import lab_settings
from vhost_tempest_plugin.cloud.configuration.settings import Ports, Settings
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.owner import MOST_HOSTS
from vhost_tempest_plugin.lab.services import broker
from vhost_tempest_plugin.lab.services.control_plane import ControlPlane
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.util import process
from vhost_tempest_plugin.util.progress import silent

# An absolute path, but not that of a URL; or a port.
_TOKEN = re.compile(r"(?<![\w:/.\]-])/[\w./-]+|(?<=:)\d{4,5}\b")
# Programs, and the environment of OpenStack, which nobody writes to.
_READ_ONLY = ("/usr/", "/bin", "/sbin", "/cache/environment/", sys.prefix)


class TwoUsersTest(unittest.TestCase):
    """Labs of the same name of two users, on the ports that the kernel gave them."""

    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        program = mock.Mock(return_value=Path("/usr/bin/program"))
        self.enterContext(mock.patch.object(process, "which", program))
        self.enterContext(mock.patch.object(process, "run"))
        self.enterContext(mock.patch.object(broker, "_SERVER", sys.executable))
        self.launch = self.enterContext(mock.patch.object(Supervision, "launch", return_value=()))

    def texts(self, user: str, first_port: int) -> Iterator[str]:
        """All that the programs of a lab read or are started with."""
        settings = self.settings(user, first_port)
        with mock.patch.dict(os.environ, {"XDG_STATE_HOME": str(self.top / user)}):
            ControlPlane(settings, silent).launch()
        files = [path for path in settings.directory.rglob("*") if path.is_file()]
        self.assertGreater(len(files), 5)
        for path in files:
            yield path.read_text()
        for program in self.launch.call_args.args[0]:
            yield from program.argv
            yield from (f"{name}={value}" for name, value in program.environment.items())
            yield from (str(program.directory), str(program.log))

    def settings(self, user: str, first_port: int) -> Settings:
        directory = self.top / user / "vhost/labs/lab"
        for name in ("etc", "log", "run"):
            (directory / name).mkdir(parents=True)
        ports = Ports(*range(first_port, first_port + len(dataclasses.fields(Ports))))
        return dataclasses.replace(lab_settings.settings(directory=directory), ports=ports)

    def test_they_have_no_file_and_no_port_in_common(self) -> None:
        alice, bob = (
            {token for text in self.texts(user, port) for token in _TOKEN.findall(text)}
            for user, port in (("alice", 10000), ("bob", 11000))
        )
        self.assertGreater(len(alice), 20)
        shared = {token for token in alice & bob if not token.startswith(_READ_ONLY)}
        self.assertEqual(set(), shared)

    def test_what_is_compared(self) -> None:
        text = "a=/tmp/x http://127.0.0.1:9292/v3 amqp://u:p@h:5672/ 1:2"
        self.assertEqual(["/tmp/x", "9292", "5672"], _TOKEN.findall(text))


class ThreeLabsTest(unittest.TestCase):
    """One user's labs, each with as many hosts as it can have."""

    def test_nothing_has_two_names_or_one_name_twice(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))
        labs = [LabDirectory.of(name) for name in ("lab", "lab-0", "a" * 38)]
        hosts = [name for lab in labs for name in lab.owner.host_names(MOST_HOSTS)]
        paths = [HostDirectory.of(name).path for name in hosts]
        self.assertEqual(3 * MOST_HOSTS, len({*hosts}))
        self.assertEqual(3 * MOST_HOSTS + 3, len({*paths, *(lab.path for lab in labs)}))
