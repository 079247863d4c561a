# SPDX-License-Identifier: Apache-2.0
"""Every command that the package names in a hint or a text exists, with its options."""

import argparse
import ast
import builtins
import contextlib
import functools
import io
import re
import unittest
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import vhost_tempest_plugin
from vhost_tempest_plugin.cli import main
from vhost_tempest_plugin.errors import VhostCommand

PACKAGE = Path(vhost_tempest_plugin.__file__).parent
# A word that is good for any name, and for any service of a lab.
SOME = "nova-api"
MENTION = re.compile(r"'(?:sudo )?vhost ([a-z][^']*)'")
# Hints come from these folders; 'cli' also has the help of options, 'config' that of tempest.conf.
TEXTS = ("cli", "config.py")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the package something is."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE), ast.parse(path.read_text())


def word(node: ast.expr) -> object:
    """The value of an argument; what is known only when it runs becomes SOME."""
    return node.value if isinstance(node, ast.Constant) else SOME


def commands() -> Iterator[tuple[Place, VhostCommand]]:
    """Every command that is named as a value."""
    for file, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id == VhostCommand.__name__:
                options = {str(option.arg): word(option.value) for option in node.keywords}
                yield Place(file, node.lineno), VhostCommand(*map(word, node.args), **options)


def docstrings(tree: ast.Module) -> set[ast.expr]:
    """The strings that only document."""
    bodies = (
        node.body
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return {body[0].value for body in bodies if isinstance(body[0], ast.Expr)}


def mentions(*, documentation: bool) -> Iterator[tuple[Place, str]]:
    """Every command that is named in a string.

    :param documentation: also where no error or finding can have it from
    """
    for file, tree in trees():
        skipped = set() if documentation else docstrings(tree)
        if not documentation and file.parts[0] in TEXTS:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node not in skipped:
                for match in MENTION.finditer(str(node.value)):
                    yield Place(file, node.lineno), match[1]


@functools.cache
def manager() -> main.Commands:
    """The commands that are installed."""
    return main.Commands(main.NAMESPACE)


def parser(argv: Sequence[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser of the command in *argv*, and what is left for it.

    :raises ValueError: there is no such command
    """
    command, name, rest = manager().find_command(list(argv))
    return command(mock.Mock(), argparse.Namespace(), name).get_parser(name), rest


def complaint(argv: Sequence[str]) -> str:
    """What the command line says against *argv*; empty where it takes it."""
    said = io.StringIO()
    try:
        found, rest = parser(argv)
        with contextlib.redirect_stderr(said):
            found.parse_args(rest)
    except (ValueError, SystemExit) as error:
        return f"{error} {said.getvalue()}"
    return ""


def facts(tree: ast.Module) -> Iterator[ast.expr]:
    """What each error that is made in a module says of what happened."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
            name = called.id if isinstance(called, ast.Name) else str(called)
            # One of Python's own is no message for a user.
            if name.endswith("Error") and not hasattr(builtins, name):
                yield node.args[0]


def literals(text: ast.expr) -> Iterator[str]:
    """The parts of a text that are known before it runs, without those of its values."""
    for node in text.values if isinstance(text, ast.JoinedStr) else [text]:
        if isinstance(node, ast.Constant):
            yield str(node.value)


class HintTest(unittest.TestCase):
    def test_every_command_in_a_hint_is_taken_by_its_parser(self) -> None:
        found = list(commands())
        self.assertGreater(len(found), 60)
        for place, command in found:
            with self.subTest(place=str(place)):
                self.assertEqual("", complaint(command.argv), command)

    def test_every_command_in_a_hint_says_which_host_or_lab(self) -> None:
        for place, command in commands():
            with self.subTest(place=str(place)):
                options = parser(command.argv)[0]._option_string_actions
                for needed in ("--name", "--host") if command.words == ("render",) else ("--name",):
                    if needed in options:
                        self.assertIn(needed, command.argv, command)

    def test_no_hint_names_a_command_in_plain_text(self) -> None:
        self.assertEqual([], [f"{p}: {text}" for p, text in mentions(documentation=False)])

    def test_every_command_in_a_text_exists_with_its_options(self) -> None:
        for place, text in mentions(documentation=True):
            with self.subTest(place=str(place)):
                words = text.split()
                known = parser(words)[0]._option_string_actions
                self.assertEqual(
                    set(), {each for each in words if each.startswith("--")} - set(known)
                )

    def test_no_fact_has_its_hint_in_it(self) -> None:
        count = 0
        for file, tree in trees():
            for fact in facts(tree):
                count += 1
                found = [part for part in literals(fact) if "; " in part or part.endswith(";")]
                with self.subTest(place=str(Place(file, fact.lineno))):
                    self.assertEqual([], found)
        self.assertGreater(count, 200)

    def test_a_hint_in_a_fact_is_found(self) -> None:
        """The positive control."""
        for text in ("LocalError(f'{disk} is full; free some')", "errors.LocalError('no; see')"):
            (fact,) = facts(ast.parse(text))
            self.assertTrue(any("; " in part for part in literals(fact)), text)

    def test_what_does_not_exist_is_found(self) -> None:
        """The positive control."""
        self.assertIn("--live", complaint(("render", "--live")))
        self.assertIn("foreign", complaint(("foreign",)))
