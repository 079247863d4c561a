# SPDX-License-Identifier: Apache-2.0
"""The documentation names commands, options, files, modules and links that exist."""

import argparse
import contextlib
import doctest
import importlib
import io
import re
import shlex
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

from vhost_tempest_plugin.cli import main
from vhost_tempest_plugin.topology import catalog

TOP = Path(__file__).resolve().parents[2]
DOC = TOP / "doc/source"
PAGES = sorted(
    [
        *DOC.rglob("*.rst"),
        *TOP.glob("*.rst"),
        *TOP.glob("roles/*/README.rst"),
        *TOP.glob("tests/**/README.rst"),
        TOP / "devstack/README.rst",
        *TOP.glob("releasenotes/notes/*.yaml"),
    ]
)
CONSOLE = re.compile(r"^( *)\.\. code-block:: console\n((?:\1 +.*\n|\n)+)", re.MULTILINE)
LITERAL = re.compile(r"``(\S(?:[^`]*\S)?)``")
# What stands for a value of the reader's.
VARIABLES = {"$VHOST_NAME": "name", "$USER": "user", "<host>": "host"}
OURS = re.compile(r"vhost_tempest_plugin(?:\.\w+)+\Z")
TREES = ("vhost_tempest_plugin", "tests", "tools", "zuul.d", "playbooks", "roles", "devstack")
FILE = re.compile(rf"(?:{'|'.join(TREES)}|doc|releasenotes)/[\w./-]+\Z")
# A name that the reader chooses, what is built, and Nova's own documentation.
NO_FILE = re.compile(r"/(?:NAME|YEAR)\b|^doc/build/|^doc/source/admin/")


def text(page: Path) -> str:
    return page.read_text()


def console_lines(page: str) -> Iterator[str]:
    """The command lines that the page's reader types, without their prompts and comments."""
    for _, block in CONSOLE.findall(page):
        joined = re.sub(r"\\\n", " ", block)
        for line in joined.splitlines():
            if command := re.match(r"\s*[$#] (.*)", line):
                yield command[1]


def vhost_words(line: str) -> list[str] | None:
    """The arguments of ``vhost`` in a command line; None where it runs something else."""
    for variable, value in VARIABLES.items():
        line = line.replace(variable, value)
    words = shlex.split(re.sub(r"[<>]\S+", "", line), comments=True)
    while words and words[0] in ("sudo",):
        words.pop(0)
    if not words or Path(words[0]).name != "vhost":
        return None
    return words[1:]


class Parser:
    """The real command line, up to where a command would begin its work."""

    def __init__(self) -> None:
        self.commands = main.Commands(main.NAMESPACE)

    def refusal(self, words: list[str]) -> str:
        """What the command line says against *words*; empty where it takes them."""
        if words in (["--help"], ["--version"]):
            return ""
        if words[:1] == ["help"]:
            words = [*words[1:], "--help"]
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            try:
                factory, name, rest = self.commands.find_command(words)
                command = factory(mock.Mock(), None, cmd_name=name)
                parser: argparse.ArgumentParser = command.get_parser(f"vhost {name}")
                parser.parse_args(rest)
            except ValueError as error:
                return str(error)
            except SystemExit as ended:
                return said.getvalue() if ended.code else ""
        return ""


class DocumentationTest(unittest.TestCase):
    def test_pages_are_found(self) -> None:
        self.assertGreaterEqual(len(PAGES), 30)

    def test_commands_in_code_blocks_parse(self) -> None:
        parser = Parser()
        count = 0
        for page in PAGES:
            for line in console_lines(text(page)):
                words = vhost_words(line)
                if words is None:
                    continue
                count += 1
                with self.subTest(page=str(page.relative_to(TOP)), line=line):
                    self.assertEqual("", parser.refusal(words))
        self.assertGreaterEqual(count, 80)

    def test_commands_in_the_text_exist_with_their_options(self) -> None:
        parser = Parser()
        for page in PAGES:
            for literal in LITERAL.findall(text(page)):
                words = shlex.split(" ".join(literal.split())) if "'" not in literal else []
                if words[:1] != ["vhost"] or len(words) == 1:
                    continue
                with self.subTest(page=str(page.relative_to(TOP)), literal=literal):
                    self.assertEqual("", self._unknown(parser, words[1:]))

    def _unknown(self, parser: Parser, words: list[str]) -> str:
        """The same where arguments may be left out: a text names a command, or an option of it."""
        if words[0].startswith("-"):
            return parser.refusal(words)
        # 'lab config set/unset' and 'image build|prune' are several.
        try:
            factory, name, rest = parser.commands.find_command(words)
        except ValueError as error:
            groups = {" ".join(known.split()[: len(words)]) for known in parser.commands.commands}
            return "" if " ".join(words) in groups else str(error)
        command = factory(mock.Mock(), None, cmd_name=name)
        known = command.get_parser(name)._option_string_actions
        options = [word for word in rest if re.match(r"--?[a-z]", word)]
        if rest[:1] == ["--"] or name in ("lab shell", "ssh"):
            return ""
        unknown = [option for option in options if option.split("=")[0] not in known]
        return f"{name} has no {', '.join(unknown)}" if unknown else ""

    def test_files_exist(self) -> None:
        for page in PAGES:
            for literal in LITERAL.findall(text(page)):
                name = literal.rstrip("/")
                if FILE.match(name) and not NO_FILE.search(name):
                    with self.subTest(page=str(page.relative_to(TOP)), file=name):
                        self.assertTrue((TOP / name).exists())

    def test_dotted_names_resolve(self) -> None:
        namespaces = self.namespaces()
        for page in PAGES:
            for literal in LITERAL.findall(text(page)):
                if not OURS.match(literal) or literal in namespaces:
                    continue
                with self.subTest(page=str(page.relative_to(TOP)), name=literal):
                    self.assertTrue(resolves(literal))

    def namespaces(self) -> set[str]:
        """Of entry points; that of topologies is for other packages alone."""
        setup = (TOP / "setup.cfg").read_text()
        ours = re.findall(r"^(vhost_tempest_plugin\.\w+) =$", setup, re.MULTILINE)
        return {*ours, catalog.NAMESPACE}

    def test_imports_in_code_blocks_resolve(self) -> None:
        for page in PAGES:
            for module, names in re.findall(
                r"^ +(?:>>> )?from (vhost_tempest_plugin[\w.]*) import ([\w, ]+)$",
                text(page),
                re.MULTILINE,
            ):
                for name in names.split(", "):
                    with self.subTest(page=str(page.relative_to(TOP)), name=f"{module}.{name}"):
                        self.assertTrue(resolves(f"{module}.{name.strip()}"))

    def test_scenarios_that_are_named_exist(self) -> None:
        page = text(DOC / "contributor/nova-bugs.rst")
        found = re.findall(r"``(test_\w+\.\w+\.test_\w+)``", page)
        self.assertGreaterEqual(len(found), 6)
        for name in found:
            with self.subTest(name=name):
                self.assertTrue(resolves(f"vhost_tempest_plugin.scenario.{name}"))

    def test_links_are_https_and_have_a_host_name(self) -> None:
        for page in PAGES:
            for link in re.findall(r"https?://[^\s>`'\"]+", text(page)):
                with self.subTest(page=str(page.relative_to(TOP)), link=link):
                    parts = urlsplit(link.rstrip(".,;)"))
                    self.assertEqual("https", parts.scheme)
                    self.assertRegex(parts.netloc, r"\A[a-z0-9.-]+\.[a-z]+\Z")

    def test_the_worked_example_is_true(self) -> None:
        page = DOC / "user/expectations.rst"
        result = doctest.testfile(str(page), module_relative=False, verbose=False)
        self.assertGreaterEqual(result.attempted, 20)
        self.assertEqual(0, result.failed)


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    words = name.split(".")
    for count in range(len(words), 0, -1):
        try:
            found: object = importlib.import_module(".".join(words[:count]))
        except ModuleNotFoundError:
            continue
        for word in words[count:]:
            if not hasattr(found, word):
                return False
            found = getattr(found, word)
        return True
    return False
