# SPDX-License-Identifier: Apache-2.0
"""Labs for tests of their real parts: settings of their own, and nothing left of them."""

import dataclasses
import os
import secrets
import shutil
import stat
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from tests.unit import lab_settings
from vhost_tempest_plugin.cloud.configuration.settings import Ports, Secrets, Settings
from vhost_tempest_plugin.lab.services import orphan_processes
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.util import speed, tcp_ports


class LabCase(unittest.TestCase):
    """A test with the settings of a lab that has a directory, ports and secrets of its own.

    The way to the directory is longer than the name of a socket can be.
    """

    def setUp(self) -> None:
        self.settings = new_settings(self)
        self.supervision = Supervision(self.settings.directory, self.settings.hidden)
        self.addCleanup(self.check_nothing_is_left)
        self.addCleanup(self.supervision.shutdown)

    def check_nothing_is_left(self) -> None:
        self.assertEqual([], orphan_processes.find(self.settings.directory))
        taken = tcp_ports.taken(dataclasses.astuple(self.settings.ports))
        self.assertEqual((), taken)

    def check_files_are_private(self) -> None:
        """Others can read no file of the lab, should they get into its directory."""
        seen = 0
        for top, directories, names in os.walk(self.settings.directory):
            closed = [name for name in directories if is_private(Path(top, name))]
            directories[:] = [name for name in directories if name not in closed]
            for path in [Path(top, name) for name in names]:
                if path.is_file():
                    self.assertTrue(is_private(path), path)
            seen += len(closed) + len(names)
        self.assertGreater(seen, 2)

    def check_no_secret_is_shown(self) -> None:
        """No process has a secret in its command line or environment, as ``ps auxe`` shows."""
        pids = orphan_processes.find(self.settings.directory)
        self.assertGreater(len(pids), 1)
        for pid in pids:
            for name in ("cmdline", "environ"):
                text = Path(f"/proc/{pid}/{name}").read_text(errors="replace")
                for field in dataclasses.fields(Secrets):
                    secret = getattr(self.settings.secrets, field.name)
                    self.assertNotIn(secret, text, f"{field.name} of {pid}")

    def eventually(self, condition: Callable[[], object], limit_s: float = 20.0) -> None:
        deadline_s = time.monotonic() + limit_s * speed.timeout_scale()
        while not condition():
            self.assertLess(time.monotonic(), deadline_s, "it did not happen")
            time.sleep(0.05)


def is_private(path: Path) -> bool:
    return not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def new_settings(case: unittest.TestCase) -> Settings:
    top = Path(tempfile.mkdtemp(prefix="vhost läb @=,~+ "))
    case.addCleanup(shutil.rmtree, top)
    directory = top / ("long" * 20) / ("way" * 20) / "lab"
    directory.mkdir(parents=True)
    directory.chmod(0o755)  # so that nothing relies on it
    for name in ("etc", "log", "run"):
        (directory / name).mkdir()
    fields = [field.name for field in dataclasses.fields(Ports)]
    return dataclasses.replace(
        lab_settings.settings(directory=directory),
        ports=Ports(**dict(zip(fields, tcp_ports.choose(len(fields)), strict=True))),
        secrets=Secrets(
            **{field.name: secrets.token_hex(16) for field in dataclasses.fields(Secrets)}
        ),
    )
