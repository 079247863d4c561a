# SPDX-License-Identifier: Apache-2.0
import ast
import os
import re
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

from vhost_tempest_plugin.util import interpreter

TOP = Path(__file__).resolve().parents[2]
PACKAGE = TOP / "vhost_tempest_plugin"
OWNER = PACKAGE / "util/interpreter.py"
# A package of the distribution, and the beginning of a directory's name.
OTHERS = (PACKAGE / "host/image/distribution.py", PACKAGE / "lab/environment/requirement.py")
INTERPRETER = re.compile(r"(.*/)?python[0-9.]*\Z")
# A shell's interpreter that is given code or a module, with what follows it.
STARTED = re.compile(r"""(?:python[0-9.]*|\$\{?PYTHON\}?|"\$1")["']?\s+(-\S+)(?=\s)""")
SHELL = ("tools", "devstack", "playbooks", "roles", ".ci", "vhost_tempest_plugin")
SAFE = re.compile(r"-[A-Za-z]*[IPV]")


def starts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.executable":
            yield f"{node.lineno}: sys.executable"
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and INTERPRETER.match(node.value)
        ):
            yield f"{node.lineno}: {node.value!r}"


def shell_files() -> Iterator[Path]:
    yield from (TOP / "Makefile", TOP / "tox.ini", TOP / "README.rst")
    for name in SHELL:
        for path in sorted((TOP / name).rglob("*")):
            if path.is_file() and path.suffix in ("", ".sh", ".yaml", ".yml", ".service"):
                yield path


class GuardTest(unittest.TestCase):
    def test_only_one_module_knows_interpreters(self) -> None:
        found = [
            f"{path.relative_to(TOP)}:{each}"
            for path in sorted(PACKAGE.rglob("*.py"))
            if path != OWNER and path not in OTHERS
            for each in starts(ast.parse(path.read_text(encoding="utf-8")))
        ]
        self.assertEqual([], found, "start interpreters with util.interpreter")

    def test_scripts_start_none_that_imports_from_the_current_directory(self) -> None:
        found = [
            f"{path.relative_to(TOP)}:{number}: {line.strip()}"
            for path in shell_files()
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            for first in STARTED.findall(line)
            if not SAFE.match(first)
        ]
        self.assertEqual([], found, "give the interpreter -P or -I")

    def test_tools_start_none_that_imports_from_the_current_directory(self) -> None:
        for path in sorted((TOP / "tools").glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.List | ast.Tuple):
                    words = [ast.unparse(each) for each in node.elts]
                    if "sys.executable" in words:
                        after = words[words.index("sys.executable") + 1]
                        self.assertEqual("'-P'", after, f"{path.name}:{node.lineno}")


class CurrentDirectoryTest(unittest.TestCase):
    """In a directory with modules that anybody may have put there."""

    def setUp(self) -> None:
        temporary = self.enterContext(tempfile.TemporaryDirectory())
        self.here = Path(temporary, "here")
        for name in ("difflib.py", "vhost_tempest_plugin/__init__.py", "pip/__main__.py"):
            path = self.here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("raise SystemExit('code of the current directory was run')\n")
        self.environment = Path(temporary, "venv")
        (self.environment / "bin").mkdir(parents=True)
        python = self.environment / "bin/python"
        python.symlink_to(sys.executable)

    def run_here(self, words: list[str], **variables: str) -> str:
        done = subprocess.run(
            words,
            cwd=self.here,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual("", done.stderr)
        self.assertEqual(0, done.returncode)
        return done.stdout.strip()

    def test_none_of_them_is_run(self) -> None:
        code = "import difflib; print(difflib.__file__)"
        for words in (
            interpreter.own("-c", code),
            interpreter.of(self.environment, "-c", code),
            interpreter.isolated(self.environment, "-c", code),
            interpreter.distribution("-c", code),
        ):
            with self.subTest(words):
                self.assertNotIn(str(self.here), self.run_here(words))

    def test_modules_of_this_package_are_this_checkouts(self) -> None:
        # Standing in another one.
        code = "import vhost_tempest_plugin; print(vhost_tempest_plugin.__file__)"
        expected = str(PACKAGE / "__init__.py")
        self.assertEqual(expected, self.run_here(interpreter.own("-c", code)))

    def test_modules_that_are_run_are_not_from_there(self) -> None:
        self.assertIn("usage", self.run_here(interpreter.distribution("-m", "calendar", "-h")))
        self.run_here(interpreter.own("-m", "pip", "--version"))

    def test_programs_that_start_interpreters_find_nothing_there_either(self) -> None:
        code = (
            "import subprocess, os;"
            "subprocess.run([os.environ['PYTHON'], '-c', 'import difflib'], check=True)"
        )
        self.run_here(interpreter.own("-c", code), **interpreter.SAFE)

    def test_the_users_variables_do_not_change_another_environment(self) -> None:
        users = {"PYTHONPATH": str(self.here), "PYTHONSTARTUP": "/x", "PYTHONINSPECT": "1"}
        words = interpreter.of(self.environment, "-c", "import difflib")
        self.run_here(words, **users | dict(interpreter.NEUTRAL))
        self.run_here(interpreter.distribution("-c", "import difflib"), **users)
