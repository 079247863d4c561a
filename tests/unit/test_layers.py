# SPDX-License-Identifier: Apache-2.0
"""Folders import what is below them only, and each third-party package has its owners."""

import ast
import sys
import unittest
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tools.layers import FOLDERS, PACKAGE, ROOT, ROOT_USERS

TOP = Path(__file__).resolve().parents[2] / PACKAGE
RULES = {folder.name: folder for folder in (*FOLDERS, *ROOT)}
OWNED = {name for folder in RULES.values() for name in folder.libraries.split()}


def imports(path: Path) -> Iterator[str]:
    """The full names of everything a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def may_import(room: str, other: str) -> bool:
    """Whether a module of *room* may import one of *other*."""
    return (
        other in (room, "errors")
        or other in RULES[room].below.split()
        or room in ROOT_USERS.get(other, ())
    )


def complaints(room: str, imported: str) -> Iterator[str]:
    """What is wrong with a module of *room* importing *imported*."""
    first, second = [*imported.split("."), "", ""][:2]
    if first == PACKAGE:
        if second not in RULES or not may_import(room, second):
            yield f"{room} imports {second}, which is not below it"
    elif first in OWNED:
        if first not in RULES[room].libraries.split():
            yield f"{room} imports {first}, which others own"
    elif first not in sys.stdlib_module_names:
        yield f"{room} imports {first}, which nobody owns"


def module_name(path: Path) -> str:
    parts = path.relative_to(TOP.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circle(graph: dict[str, set[str]]) -> Iterable[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return tuple(error.args[1])
    return ()


class LayersTest(unittest.TestCase):
    def setUp(self) -> None:
        self.paths = sorted(TOP.rglob("*.py"))

    def test_every_module_imports_what_is_below_it(self) -> None:
        for path in self.paths:
            room = path.relative_to(TOP).with_suffix("").parts[0]
            with self.subTest(module=str(path.relative_to(TOP))):
                if room == "__init__":
                    self.assertEqual([], list(imports(path)))
                else:
                    self.assertEqual([], [c for i in imports(path) for c in complaints(room, i)])

    def test_no_module_is_loose(self) -> None:
        self.assertEqual(
            {"__init__.py", "config.py", "errors.py", "plugin.py", "py.typed"},
            {path.name for path in TOP.iterdir() if path.is_file()},
        )
        folders = {path.name for path in TOP.iterdir() if path.is_dir()} - {"__pycache__"}
        self.assertEqual({folder.name for folder in FOLDERS}, folders)

    def test_the_table_points_down(self) -> None:
        for above, folder in enumerate(FOLDERS):
            lower = {each.name for each in FOLDERS[above + 1 :]}
            self.assertLessEqual(set(folder.below.split()), lower, folder.name)

    def test_no_modules_import_each_other(self) -> None:
        names = {module_name(path) for path in self.paths}
        graph = {}
        for path in self.paths:
            found = {i if i in names else i.rpartition(".")[0] for i in imports(path)}
            graph[module_name(path)] = (found & names) - {module_name(path)}
        # A package's own modules may import one another before it has named them all.
        for name, found in graph.items():
            found -= {other for other in found if name.startswith(f"{other}.")}
        self.assertEqual((), tuple(circle(graph)))

    def test_it_can_fail(self) -> None:
        for room, imported in (
            ("topology", f"{PACKAGE}.host.boot"),
            ("lab", f"{PACKAGE}.unheard_of"),
            ("host", f"{PACKAGE}.config"),
            ("host", "subprocess"),
            ("host", "requests"),
        ):
            with self.subTest(room=room, imported=imported):
                self.assertEqual(1, len(list(complaints(room, imported))))
        self.assertEqual(("a", "b", "a"), tuple(circle({"a": {"b"}, "b": {"a"}})))
