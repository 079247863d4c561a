# SPDX-License-Identifier: Apache-2.0
"""The messages that the documentation explains are those that the program prints."""

import ast
import re
import unittest
from collections.abc import Iterator
from pathlib import Path

import vhost_tempest_plugin

PACKAGE = Path(vhost_tempest_plugin.__file__).parent
PAGES = PACKAGE.parent / "doc/source/user"
# A definition that is a message and nothing else, and a cell of the table of failures.
HEADING = re.compile(r"^``([^`]+)``(?: \(exit code \d+\))?$", re.MULTILINE)
CELL = re.compile(r"^``([^`]+)``  ", re.MULTILINE)
# What stands for a value; and where a message is made of two texts.
BETWEEN = re.compile(r"'?\.\.\.'?|'vhost [^']+'|; | waiting for |\b[0-9]+\b")
# Texts with a value that the documentation names.
FILLED_IN = {
    "needs QEMU": "needs \0",
    "has the topology": "has \0",
    "root's commands run as the system account 'vhost', which this machine lacks": (
        "root's commands run as the system account \0, which this machine lacks"
    ),
    "the account 'vhost', as which root's commands run, may not read": (
        "the account \0, as which root's commands run, may not \0 \0"
    ),
}
VALUE = "\0"
LEAST = 4


def texts() -> Iterator[str]:
    """All texts of the package, with VALUE where one is filled in."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(
                    part.value
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    else VALUE
                    for part in node.values
                )


def pieces(message: str) -> list[str]:
    """What does not vary in a message."""
    found = (piece.strip(" ()'") for piece in BETWEEN.split(message))
    return [piece for piece in found if len(piece) >= LEAST]


class DocumentedMessagesTest(unittest.TestCase):
    def test_the_program_prints_them(self) -> None:
        printed = "\n".join(texts())
        messages = [
            *HEADING.findall((PAGES / "troubleshooting.rst").read_text()),
            *CELL.findall((PAGES / "debugging.rst").read_text()),
        ]
        self.assertGreater(len(messages), 20)
        for message in messages:
            parts = pieces(message)
            self.assertTrue(parts, message)
            for piece in parts:
                with self.subTest(message=message, piece=piece):
                    self.assertIn(FILLED_IN.get(piece, piece), printed)
