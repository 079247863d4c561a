# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.cloud.compute import importing
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab.environment import requirement, staging
from vhost_tempest_plugin.lab.environment.requirement import Unmet
from vhost_tempest_plugin.lab.environment.tree import Tree

TRACEBACK = """\
Traceback (most recent call last):
  File "<string>", line 2, in <module>
  File "/usr/lib/python3.11/importlib/__init__.py", line 126, in import_module
  File "/s/nova/cmd/compute.py", line 28, in <module>
    from nova import utils
  File "/s/nova/utils.py", line 3, in <module>
    x = y
        ^
  File "/usr/lib/python3.11/enum.py", line 9, in f
NameError: name 'y' is not defined
"""


class TreeTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.write("pyproject.toml", '[project]\nname = "nova"\n')
        self.write("nova/__init__.py")

    def write(self, name: str, text: str = "") -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def test_files_are_what_nova_runs_from(self) -> None:
        for name in ("nova/a.py", "nova/db/alembic.ini", "nova/db/tests/b.py"):
            self.write(name)
        for name in ("nova/tests/c.py", "nova/.#a.py", "nova/__pycache__/a.pyc", "nova/.git/x"):
            self.write(name)
        self.assertEqual(
            {"nova/__init__.py", "nova/a.py", "nova/db/alembic.ini", "nova/db/tests/b.py"},
            set(Tree.at(self.path).files()),
        )

    def test_description_is_what_decides_about_the_metadata(self) -> None:
        for name in ("setup.cfg", "requirements.txt", "etc/nova/r.d/x", "nova.sqlite", "tox.ini"):
            self.write(name)
        self.assertEqual(
            {
                *("pyproject.toml", "setup.cfg", "requirements.txt", "etc/nova/r.d/x"),
                "nova/__init__.py",
            },
            set(Tree.at(self.path).description()),
        )

    def test_the_name_may_be_in_setup_cfg(self) -> None:
        self.write("pyproject.toml", "[build-system]\n")
        self.write("setup.cfg", "[metadata]\nname = nova\n")
        self.assertEqual(self.path, Tree.at(self.path).path)

    def test_what_is_no_nova_is_refused(self) -> None:
        for names, text, words in (
            (("pyproject.toml",), '[project]\nname = "glance"\n', "is 'glance' by its"),
            (("pyproject.toml",), "", "is no distribution by its"),
            (("pyproject.toml",), "[", "cannot read .*pyproject.toml: .*; correct it"),
            (("pyproject.toml", "setup.cfg"), "x", "cannot read"),
        ):
            with self.subTest(words=words), self.assertRaisesRegex(InputError, words):
                for name in names:
                    self.write(name, text)
                Tree.at(self.path)
        with self.assertRaisesRegex(InputError, "has no package 'nova'"):
            Tree.at(self.path / "nova")
        with self.assertRaisesRegex(InputError, "there is no directory"):
            Tree.at(self.path / "away")

    def test_version(self) -> None:
        tree = Tree.at(self.path)
        self.assertEqual("1.2.3+tree", tree.version("1.2.3"))
        git = ["git", "-C", str(self.path), "-c", "user.name=me", "-c", "user.email=me@here"]
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
            subprocess.run([*git, *words], check=True)
        self.assertEqual("1.2.3+tree", tree.version("1.2.3"))
        for tag in ("34.0.0.0rc1", "other-tag"):
            subprocess.run([*git, "tag", tag], check=True)
        self.assertEqual("34.0.0.0rc1+tree", tree.version("1.2.3"))


class StageTest(unittest.TestCase):
    """A tree that does not compile, put back as it was; without an environment."""

    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        package = self.top / "tree/nova"
        package.mkdir(parents=True)
        (package.parent / "pyproject.toml").write_text('[project]\nname = "nova"\n')
        (package / "__init__.py").touch()
        self.file = package / "utils.py"
        self.environment = mock.Mock(digest="d", path=Path(sys.prefix), packages=self.top)
        self.enterContext(mock.patch.object(staging, "_describe"))
        self.enterContext(mock.patch.object(staging.requirement, "unmet", return_value=()))

    def stage(self) -> staging.Staged:
        return staging.stage(self.top / "tree", self.environment, self.top / "staged")

    def test_a_file_that_is_put_back_with_its_old_time_is_taken_again(self) -> None:
        self.file.write_text("a = 1\n")
        before = self.stage()
        backup = self.file.rename(self.top / "backup")
        self.file.write_text("def (\n")
        with self.assertRaisesRegex(InputError, "does not compile"):
            self.stage()
        backup.replace(self.file)
        self.assertEqual(before.manifest, self.stage().manifest)


class FaultTest(unittest.TestCase):
    def test_the_last_place_in_the_tree_and_the_last_line(self) -> None:
        self.assertEqual(
            "nova/utils.py line 3: NameError: name 'y' is not defined",
            importing.fault(TRACEBACK, Path("/s")),
        )

    def test_without_a_place(self) -> None:
        self.assertEqual(
            "NameError: name 'y' is not defined", importing.fault(TRACEBACK, Path("/t"))
        )
        self.assertEqual("it said nothing", importing.fault("\n", Path("/t")))


class RequirementTest(unittest.TestCase):
    def test_compare(self) -> None:
        requirements = [
            "pbr>=5.8.0",
            "oslo.log>=9",
            "Absent_Thing>=1.0",
            "other>=9; python_version < '3.10'",
            "extra>=9; extra == 'zvm'",
            "pre>=2.0.0",
            "not a requirement",
        ]
        versions = {"pbr": "7.1.3", "oslo-log": "8.3.2", "pre": "2.1.0.0rc1"}
        self.assertEqual(
            [
                Unmet("oslo.log>=9", "8.3.2"),
                Unmet("Absent_Thing>=1.0", None),
                Unmet("not a requirement", None),
            ],
            list(requirement.compare(requirements, versions, "3.11")),
        )

    def test_listing(self) -> None:
        self.assertEqual(
            "a>=2 (has 1), b (has none)",
            requirement.listing([Unmet("a>=2", "1"), Unmet("b", None)]),
        )
