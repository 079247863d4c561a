# SPDX-License-Identifier: Apache-2.0
"""Every program that the package runs is one that the doctor knows, with its package."""

import ast
import importlib
import unittest
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import vhost_tempest_plugin
from vhost_tempest_plugin.host.doctor.packages import DPKG, EMULATOR, TOOLS
from vhost_tempest_plugin.host.image import kernel as image_kernel
from vhost_tempest_plugin.host.nested_guest import kernel as guest_kernel
from vhost_tempest_plugin.util import die_with_parent, followed_program, process

PACKAGE = Path(vhost_tempest_plugin.__file__).parent
# What starts a program.
RUNNERS = {process.run, followed_program.follow, process.running, process.replace}
DOORS = {process.__name__, followed_program.__name__}
# Functions that put a program before those of their argument.
WRAPPERS = {die_with_parent.killed_with_parent, die_with_parent.asked_to_end}
# Programs that are chosen from a table when it runs.
CHOSEN = {*guest_kernel._TOOLS, *image_kernel._PROGRAMS.values()}
CHOOSERS = {"host/nested_guest/kernel.py", "host/image/kernel.py", "host/doctor/packages.py"}
# Modules that run a program whose name is not in the text there, and where it comes from.
ELSEWHERE = {
    "bench/bare.py": "QEMU, from host.acceleration",
    "bench/building.py": "this Python, and tools/bootstrap.sh",
    "bench/workplace.py": "the vhost command",
    "cli/lab/shell.py": "what the user gives",
    "cli/ssh.py": "ssh, from host.ssh",
    "cloud/compute/importing.py": "the Python of the environment with Nova",
    "cloud/compute/options.py": "the Python of the environment with Nova",
    "devstack/status.py": "ssh, from host.ssh",
    "host/image/builder.py": "mmdebstrap, from its own arguments, and mke2fs, from host.image.ext4",
    "host/jobs.py": "this Python",
    "host/kvm_probe.py": "QEMU, from host.acceleration",
    "host/share_images.py": "mke2fs, from host.image.ext4",
    "host/ssh.py": "ssh, from its own argv",
    "lab/environment/environment.py": "the Python of the environment that it makes",
    "lab/environment/installer.py": "the Python that it installs for",
    "lab/services/bootstrap.py": "the Python of the environment with OpenStack",
    "lab/services/database.py": "mariadbd, from its own program",
    "lab/tempest.py": "the programs of the environment with tempest",
    "scenario/test_host.py": "the vhost command",
    "util/die_with_parent.py": "unshare, which it has looked for",
    **dict.fromkeys(CHOOSERS, "a table"),
}
# Without it there is no vhost command that could look for it.
INTERPRETER = "python3"


@dataclass(frozen=True, slots=True)
class Run:
    """A program that is run.

    :param program: its name; None where that is not in the text
    :param is_found: the name is None since ``process.which`` gives it, whose own call counts
    """

    file: str
    line: int
    program: str | None
    is_found: bool = False


def is_call(node: ast.AST, functions: Iterable[Callable[..., object]]) -> TypeGuard[ast.Call]:
    """Whether one of these is called."""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    # 'process.run', since 'run' is the name of many things; WRAPPERS are imported by their names.
    return ast.unparse(node.func) in {
        f"{each.__module__.rpartition('.')[2]}.{each.__name__}"
        if each.__module__ in DOORS
        else each.__name__
        for each in functions
    }


class Module:
    """A module of the package, and what its names stand for."""

    def __init__(self, path: Path) -> None:
        self.file = str(path.relative_to(PACKAGE))
        self.tree = ast.parse(path.read_text())

    def runs(self) -> Iterator[Run]:
        for function in (self.tree, *self._functions()):
            for node in own(function):
                if is_call(node, {process.which}):
                    yield Run(self.file, node.lineno, self._name(node.args[0]))
                elif is_call(node, RUNNERS):
                    for program in self._programs(node.args[0], function):
                        found = is_call(program, {process.which})
                        yield Run(self.file, node.lineno, self._name(program), found)

    def _functions(self) -> Iterator[ast.AST]:
        return (
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        )

    def _programs(self, argv: ast.expr, function: ast.AST) -> Iterator[ast.expr]:
        """What may be the first word of a command line."""
        if is_call(argv, WRAPPERS):
            yield from self._programs(argv.args[0], function)
        elif isinstance(argv, ast.List | ast.Tuple) and argv.elts:
            first = argv.elts[0]
            yield from self._assigned(first, function) or [first]
        else:
            assigned = self._assigned(argv, function)
            for each in assigned:
                yield from self._programs(each, function)
            if not assigned:
                yield argv

    def _assigned(self, node: ast.expr, function: ast.AST) -> list[ast.expr]:
        """What a function assigns to a name, in all places."""
        found = []
        for each in own(function):
            targets = each.targets if isinstance(each, ast.Assign) else []
            if isinstance(each, ast.AnnAssign) and each.value is not None:
                targets = [each.target]
            if isinstance(node, ast.Name) and node.id in map(ast.unparse, targets):
                assert isinstance(each, ast.Assign | ast.AnnAssign)
                assert each.value is not None
                found.append(each.value)
        return found

    def _name(self, node: ast.expr) -> str | None:
        """A program's name, where it is a word or a constant of a module."""
        if isinstance(node, ast.Constant):
            return str(node.value)
        if not isinstance(node, ast.Name):
            return None
        dotted = self.file.removesuffix(".py").replace("/", ".")
        value = getattr(importlib.import_module(f"{PACKAGE.name}.{dotted}"), node.id, None)
        return Path(value).name if isinstance(value, str | Path) else None


def own(function: ast.AST) -> Iterator[ast.AST]:
    """What is in a function, or a module, and not in a function of it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from own(node)


def runs() -> Iterator[Run]:
    """Each program that the package runs or looks for."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from Module(path).runs()


class ProgramsTest(unittest.TestCase):
    KNOWN = frozenset(tool.name for tool in (*TOOLS, *EMULATOR))

    def test_the_doctor_knows_every_program(self) -> None:
        found = list(runs())
        self.assertGreater(len(found), 80)
        for run in found:
            with self.subTest(run=run):
                if run.program is not None:
                    self.assertIn(run.program, {*self.KNOWN, INTERPRETER})
                elif not run.is_found:
                    self.assertIn(run.file, ELSEWHERE)
        self.assertLessEqual(CHOSEN, self.KNOWN)

    def test_no_module_is_excused_for_nothing(self) -> None:
        unnamed = {run.file for run in runs() if run.program is None and not run.is_found}
        self.assertEqual(set(ELSEWHERE), unnamed)

    def test_each_has_a_package(self) -> None:
        for tool in (*TOOLS, *EMULATOR):
            with self.subTest(tool.name):
                self.assertEqual(1, len(tool.packages(DPKG)))
