# SPDX-License-Identifier: Apache-2.0
"""A Nova of one's own before that of the real environment, which is made where it is not yet."""

import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar
from unittest import mock

from vhost_tempest_plugin.cloud.compute import importing
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab.environment import environment, mutant_tree, release, staging
from vhost_tempest_plugin.lab.environment.requirement import Unmet
from vhost_tempest_plugin.util import interpreter
from vhost_tempest_plugin.util.progress import Lines

SHOW = """
import importlib.metadata, json, nova
found = importlib.metadata.distribution("nova")
points = {p.name: p.value for p in importlib.metadata.entry_points(group="console_scripts")}
print(json.dumps([nova.__file__, found.version, points["nova-compute"], points.get("nova-mine")]))
"""


class StagingTest(unittest.TestCase):
    environment: ClassVar[environment.Environment]
    base: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.environment = environment.obtain(release.find(), Lines())
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.base = Path(directory.name)
        mutant_tree.copy_installed(cls.environment, cls.base / "tree")
        staging.stage(cls.base / "tree", cls.environment, cls.base / "staged")

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.tree = Path(directory.name, "tree")
        self.target = Path(directory.name, "staged")
        shutil.copytree(self.base / "tree", self.tree)
        shutil.copytree(self.base / "staged", self.target)
        self.news: list[str] = []

    def stage(self) -> staging.Staged:
        self.news.clear()
        return staging.stage(self.tree, self.environment, self.target, self.news.append)

    def shown(self) -> list[str]:
        done = subprocess.run(
            interpreter.of(self.environment.path, "-c", SHOW),
            env={"PYTHONPATH": str(self.target)},
            capture_output=True,
            check=True,
        )
        shown: list[str] = json.loads(done.stdout)
        return shown

    def test_it_imports_and_it_is_the_trees(self) -> None:
        staged = self.stage()
        staging.verify(staged, self.environment)
        version = f"{self.environment.release.pins()['nova']}+tree"
        file = str(self.target / "nova/__init__.py")
        self.assertEqual([file, version, "nova.cmd.compute:main", None], self.shown())
        self.assertIn("etc/nova/api-paste.ini", staged.manifest)
        self.assertIn("bin/nova-compute", staged.manifest)
        self.assertEqual((), staged.unmet)

    def test_nothing_changed_nothing_done(self) -> None:
        first, second = self.stage(), self.stage()
        self.assertEqual([], self.news)
        self.assertEqual(first, second)

    def test_only_what_changed_is_taken(self) -> None:
        before = self.stage().manifest
        (self.tree / "nova/utils.py").write_text("MINE = 1\n")
        (self.tree / "nova/mine").mkdir()
        (self.tree / "nova/mine/__init__.py").touch()
        shutil.rmtree(self.tree / "nova/console")
        after = self.stage().manifest
        self.assertEqual([f"nova: 2 changed files of {self.tree}"], self.news)
        changed = {name for name in after if after[name] != before.get(name)}
        self.assertEqual(
            {"nova/utils.py", "nova/mine/__init__.py"},
            {name for name in changed if not name.endswith(".pyc")},
        )
        self.assertEqual(4, len(changed))
        self.assertTrue(all(name.startswith("nova/console/") for name in before.keys() - after))
        self.assertFalse((self.target / "nova/console").exists())

    def test_entry_points_follow(self) -> None:
        setup = self.tree / "setup.cfg"
        mine = "console_scripts =\n    nova-mine = nova.mine:main\n"
        setup.write_text(setup.read_text().replace("console_scripts =\n", mine))
        self.stage()
        self.assertEqual("nova.mine:main", self.shown()[3])
        self.assertTrue((self.target / "bin/nova-mine").exists())

    def test_nothing_is_written_into_the_tree(self) -> None:
        def seen() -> dict[Path, int]:
            return {path: path.stat().st_mtime_ns for path in self.tree.rglob("*")}

        with (self.tree / "setup.cfg").open("a") as file:
            file.write("\n")
        before = seen()
        staging.verify(self.stage(), self.environment)
        self.assertIn("installing the metadata", self.news[0])
        self.assertEqual(before, seen())

    def test_what_does_not_compile_is_reported_until_it_does(self) -> None:
        (self.tree / "nova/utils.py").write_text("a = 1\ndef (\n")
        for _ in range(2):
            with self.assertRaisesRegex(
                InputError, r"does not compile: nova/utils\.py line 2: SyntaxError: invalid"
            ):
                self.stage()
        (self.tree / "nova/utils.py").write_text("a = 1\n")
        self.stage()

    def test_what_does_not_import_is_reported(self) -> None:
        with (self.tree / "nova/compute/manager.py").open("a") as file:
            file.write("raise RuntimeError('mine')\n")
        staged = self.stage()
        with self.assertRaisesRegex(
            InputError, r"not import: nova/compute/manager\.py line \d+: RuntimeError: mine$"
        ):
            staging.verify(staged, self.environment)

    def test_what_never_ends_is_reported(self) -> None:
        (self.tree / "nova/conf/__init__.py").write_text("import time\ntime.sleep(1000)\n")
        staged = self.stage()
        with (
            mock.patch.object(importing, "_IMPORT_S", 1.0),
            self.assertRaisesRegex(InputError, "did not end within"),
        ):
            staging.verify(staged, self.environment)

    def test_what_the_environment_lacks_is_reported(self) -> None:
        with (self.tree / "requirements.txt").open("a") as file:
            file.write("oslo.log>=999\nnothing-like-it>=1\n")
        (self.tree / "nova/utils.py").write_text("import nothing_like_it\n")
        staged = self.stage()
        oslo_log = self.environment.release.pins()["oslo.log"]
        self.assertEqual(
            (Unmet("nothing-like-it>=1", None), Unmet("oslo.log>=999", oslo_log)), staged.unmet
        )
        with self.assertRaisesRegex(
            InputError,
            r"No module named 'nothing_like_it', and it requires nothing-like-it>=1 \(has none\), ",
        ):
            staging.verify(staged, self.environment)

    def test_metadata_that_cannot_be_made_is_reported(self) -> None:
        (self.tree / "setup.py").write_text("raise RuntimeError('mine')\n")
        with self.assertRaisesRegex(InputError, f"the Nova of {self.tree} cannot be installed: "):
            self.stage()
