# SPDX-License-Identifier: Apache-2.0
"""``sudo vhost`` leaves nothing of root's in the user's clone."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import vhost_tempest_plugin

PACKAGE = Path(vhost_tempest_plugin.__file__).parent
USER = 4711


@unittest.skipUnless(os.geteuid() == 0, "only root can be another than the owner of the clone")
class BytecodeTest(unittest.TestCase):
    def setUp(self) -> None:
        self.clone = Path(self.enterContext(tempfile.TemporaryDirectory()))
        copy = self.clone / PACKAGE.name
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))

    def run_vhost(self) -> None:
        program = (
            f"import sys; sys.path.insert(0, {str(self.clone)!r});"
            "from vhost_tempest_plugin.cli.main import main; sys.exit(main())"
        )
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        subprocess.run(
            [sys.executable, "-P", "-c", program, "topology", "list"],
            check=True,
            capture_output=True,
            env=environment,
        )

    def of_root(self) -> list[Path]:
        return [path for path in self.clone.rglob("*") if path.lstat().st_uid == 0]

    def test_the_clone_stays_its_users(self) -> None:
        for path in (self.clone, *self.clone.rglob("*")):
            os.chown(path, USER, -1)
        self.run_vhost()
        self.assertEqual([], self.of_root())
        self.assertEqual([], list(self.clone.rglob("__pycache__")))

    def test_roots_own_clone_is_as_any(self) -> None:
        self.run_vhost()
        self.assertTrue(list(self.clone.rglob("__pycache__")))
