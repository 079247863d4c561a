# SPDX-License-Identifier: Apache-2.0
"""Every program that the package runs is one that the doctor knows, with its package."""

import ast
import importlib
import unittest
from collections.abc import Iterator
from pathlib import Path

import vhost_tempest_plugin
from vhost_tempest_plugin.host.doctor.packages import DPKG, EMULATOR, TOOLS
from vhost_tempest_plugin.host.image import kernel as image_kernel
from vhost_tempest_plugin.host.nested_guest import kernel as guest_kernel

PACKAGE = Path(vhost_tempest_plugin.__file__).parent
RUNNERS = {"run", "follow", "streaming", "piped", "start", "running", "replace"}
# Functions that put a program before those of their argument.
WRAPPERS = {"killed_with_parent", "asked_to_end"}
# Programs that are chosen from a table when it runs.
CHOSEN = {*guest_kernel._TOOLS, *image_kernel._PROGRAMS.values()}
CHOOSERS = {"host/nested_guest/kernel.py", "host/image/kernel.py", "host/doctor/packages.py"}


def called(node: ast.Call) -> str:
    """The last word of what is called."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def first(node: ast.expr) -> ast.expr | None:
    """The program of a command line."""
    if isinstance(node, ast.Call) and called(node) in WRAPPERS and node.args:
        return first(node.args[0])
    if isinstance(node, ast.List | ast.Tuple) and node.elts:
        return node.elts[0]
    return None


def programs() -> Iterator[tuple[str, str | None]]:
    """Where each program is run, and its name; None where that is not in the text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = str(path.relative_to(PACKAGE))
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            if called(node) == "which" and ast.unparse(node.func) == "process.which":
                yield file, name(file, node.args[0])
            elif ast.unparse(node.func).startswith("process.") and called(node) in RUNNERS:
                program = first(node.args[0])
                if isinstance(program, ast.Constant):
                    yield file, str(program.value)


def name(file: str, node: ast.expr) -> str | None:
    """A program's name, where it is a word or a constant of a module."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    module = importlib.import_module(f"{PACKAGE.name}.{file.removesuffix('.py').replace('/', '.')}")
    value = getattr(module, node.id, None) if isinstance(node, ast.Name) else None
    return value if isinstance(value, str) else None


class ProgramsTest(unittest.TestCase):
    KNOWN = frozenset(tool.name for tool in (*TOOLS, *EMULATOR))

    def test_the_doctor_knows_every_program(self) -> None:
        found = list(programs())
        self.assertGreater(len(found), 30)
        for file, program in found:
            with self.subTest(file=file, program=program):
                if program is None:
                    self.assertIn(file, CHOOSERS)
                else:
                    self.assertIn(program, self.KNOWN)
        self.assertLessEqual(CHOSEN, self.KNOWN)

    def test_each_has_a_package(self) -> None:
        for tool in (*TOOLS, *EMULATOR):
            with self.subTest(tool.name):
                self.assertEqual(1, len(tool.packages(DPKG)))
