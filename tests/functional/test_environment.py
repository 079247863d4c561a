# SPDX-License-Identifier: Apache-2.0
"""Environments of a distribution that is made here, from an index that is a directory."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.lab.environment import environment
from vhost_tempest_plugin.lab.environment.release import Release
from vhost_tempest_plugin.util import speed

FILES = {
    "tiny/__init__.py": "def main() -> None:\n    print('tiny runs')\n",
    "tiny/template.py": "{{ no python }}\n",
    "tiny/tests/__init__.py": "",
    "named/tests/__init__.py": "",
    "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    "tiny-1.0.dist-info/WHEEL": (
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    ),
    "tiny-1.0.dist-info/entry_points.txt": (
        "[console_scripts]\ntiny = tiny:main\n[x]\ny = named.tests:z\n"
    ),
}
PROGRAM = """
import sys
from pathlib import Path
from vhost_tempest_plugin.lab.environment import environment
from vhost_tempest_plugin.lab.environment.release import Release
environment.obtain(Release("2000.1", Path(sys.argv[1]), (), (), ("tiny",)))
"""


class EnvironmentTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.kind = self.directory / "cache/vhost/environment"
        with zipfile.ZipFile(self.directory / "tiny-1.0-py3-none-any.whl", "w") as wheel:
            for name, text in FILES.items():
                wheel.writestr(name, text)
            record = "tiny-1.0.dist-info/RECORD"
            wheel.writestr(record, "".join(f"{name},,\n" for name in [*FILES, record]))
        self.constraints = self.directory / "2000.1.txt"
        self.constraints.write_text("tiny==1.0\n")
        variables = {
            "XDG_CACHE_HOME": str(self.directory / "cache"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.directory),
            "PIP_CONSTRAINT": "/nonexistent/constraints.txt",
        }
        self.enterContext(mock.patch.dict(os.environ, variables))
        self.news: list[str] = []

    def obtain(self, *packages: str) -> environment.Environment:
        release = Release("2000.1", self.constraints, (), (), packages)
        return environment.obtain(release, self.news.append)

    def names(self) -> set[str]:
        return {path.name for path in self.kind.iterdir()}

    def test_it_is_made_once_its_programs_run_and_its_disk_has_the_same(self) -> None:
        made = self.obtain("tiny")
        script = subprocess.run([made.path / "bin/tiny"], capture_output=True, text=True)
        self.assertEqual("tiny runs\n", script.stdout)
        self.assertFalse((made.packages / "tiny/tests").exists())
        self.assertTrue((made.packages / "named/tests").exists())
        (compiled,) = (made.packages / "tiny/__pycache__").glob("__init__.*.pyc")
        inside = f"/{compiled.relative_to(made.path)}"
        read = subprocess.run(
            ["debugfs", "-R", f"cat {inside}", made.image], capture_output=True, check=True
        )
        self.assertEqual(compiled.read_bytes(), read.stdout)
        self.assertIn("OpenStack: installing tiny", self.news)
        self.assertEqual({made.digest, "lock"}, self.names())
        self.news.clear()
        self.assertEqual((made, []), (self.obtain("tiny"), self.news))

    def test_a_missing_package_is_named_and_nothing_left(self) -> None:
        with self.assertRaisesRegex(LocalError, "^OpenStack cannot .* index has no 'absent' "):
            self.obtain("tiny", "absent")
        self.constraints.write_text("tiny==2.0\n")
        with self.assertRaisesRegex(LocalError, "^OpenStack cannot .* no 'tiny==2.0' "):
            self.obtain("tiny")
        self.assertEqual({"lock"}, self.names())

    def test_too_little_space_is_said_before(self) -> None:
        usage = shutil.disk_usage(self.directory)._replace(free=500 * 2**20)
        with (
            mock.patch("shutil.disk_usage", return_value=usage),
            self.assertRaisesRegex(LocalError, "takes [0-9]+ MiB, and .* has 500 MiB free"),
        ):
            self.obtain("tiny")
        self.assertEqual({"lock"}, self.names())

    def test_a_killed_one_is_made_again(self) -> None:
        program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(self.constraints)])
        self.addCleanup(program.kill)
        limit_s = time.monotonic() + 60 * speed.timeout_scale()
        while not list(self.kind.glob("*/venv/bin/python3")):
            self.assertLess(time.monotonic(), limit_s)
            self.assertIsNone(program.poll())
            time.sleep(0.02)
        program.send_signal(signal.SIGKILL)
        program.wait()
        self.assertEqual(1, len(list(self.kind.glob("*.partial"))))
        made = self.obtain("tiny")
        self.assertTrue(made.image.is_file())
        self.assertEqual({made.digest, "lock"}, self.names())
