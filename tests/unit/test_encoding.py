# SPDX-License-Identifier: Apache-2.0
"""Files are UTF-8 whatever the locale is: pages say so, and have characters that no other has."""

import ast
import unittest
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
OF_PATHS = ("read_text", "write_text")
# By the position of the mode among the arguments; what opens has no encoding in another mode.
OPENING = {"open": 0, "fdopen": 1, "NamedTemporaryFile": 0, "TemporaryFile": 0}
# What is opened there is no file.
OTHERS = ("cls.open", "libvirt.open", "os.open", "tarfile.open")
OTHERS += ("Cloud.open", "Connection.open", "Networks.open", "Remote.open")


def without(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that open a file as text without an encoding."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if isinstance(node.func, ast.Name):
            name = node.func.id
        if name == "read_text" and not node.args:
            yield node
        if name == "write_text" and len(node.args) == 1:
            yield node
        if name in OPENING and ast.unparse(node.func) not in OTHERS and _is_text(node, name):
            yield node


def _is_text(node: ast.Call, name: str) -> bool:
    place = OPENING[name] + (name == "open" and isinstance(node.func, ast.Name))
    given = [word.value for word in node.keywords if word.arg == "mode"]
    mode = [*given, *node.args[place : place + 1]]
    if not mode:
        return name in ("open", "fdopen")
    return not (isinstance(mode[0], ast.Constant) and "b" in str(mode[0].value))


class EncodingTest(unittest.TestCase):
    def test_every_file_is_opened_with_one(self) -> None:
        found = [
            f"{path.relative_to(TOP)}:{node.lineno}: {ast.unparse(node)}"
            for top in ("vhost_tempest_plugin", "tools")
            for path in sorted((TOP / top).rglob("*.py"))
            for node in without(ast.parse(path.read_text(encoding="utf-8")))
        ]
        self.assertEqual([], found, 'give encoding="utf-8"')
