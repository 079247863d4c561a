# SPDX-License-Identifier: Apache-2.0
import contextlib
import importlib.metadata
import io
import json
import logging
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import jsonschema
from cliff.command import Command

from vhost_tempest_plugin.cli import draw, main, topology
from vhost_tempest_plugin.errors import BusyError, HostError, LocalError, VhostError
from vhost_tempest_plugin.topology import yaml_file

COMMANDS = {
    "draw": draw.Draw,
    "topology list": topology.List,
    "topology schema": topology.Schema,
    "topology show": topology.Show,
    "topology validate": topology.Validate,
}


class Failing(Command):
    """Raises what the test asks for."""

    error: BaseException = VhostError("it failed")

    def take_action(self, parsed_args: object) -> None:
        raise self.error


def run(*argv: str, **commands: type[Command]) -> tuple[int, str, str]:
    """Exit code, output and messages of a command line, with these commands installed."""
    table = {**COMMANDS, **commands}
    out, err = io.StringIO(), io.StringIO()

    def install(self: main.Commands, namespace: str) -> None:
        for name, command in table.items():
            self.add_command(name, command)

    with (
        mock.patch.object(main.Commands, "load_commands", install),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        root = logging.getLogger()
        handlers = list(root.handlers)
        try:
            code = main.main(argv)
        except SystemExit as error:
            code = error.code or 0
        finally:
            root.handlers[:] = handlers
    return code, out.getvalue(), err.getvalue()


class TestMain(unittest.TestCase):
    def test_exit_code_and_one_line(self) -> None:
        for error, code in (
            (VhostError("it failed"), 1),
            (LocalError("no 'dot'; install it"), 3),
            (HostError("100 % gone"), 4),
            (BusyError("busy"), 5),
            (KeyboardInterrupt(), 130),
        ):
            with self.subTest(type(error).__name__):
                command = type("Fails", (Failing,), {"error": error})
                got, out, err = run("fail", fail=command)
                self.assertEqual((got, out), (code, ""))
                self.assertEqual(err, f"vhost: {error}\n" if isinstance(error, VhostError) else "")

    def test_what_failed_first_is_the_last_line_and_the_exit_code(self) -> None:
        class CleaningUp(Command):
            """Fails, and fails at its clean-up too."""

            def take_action(self, parsed_args: object) -> None:
                try:
                    raise LocalError("no room", hint="free some")
                finally:
                    try:
                        raise OSError("it is busy")
                    except OSError as error:
                        raise HostError(f"cannot end: {error}") from None

        code, _, err = run("x", x=CleaningUp)
        self.assertEqual(
            (3, "vhost: cannot end: it is busy\nvhost: no room; free some\n"), (code, err)
        )

    def test_debug_shows_where(self) -> None:
        code, _, err = run("--debug", "fail", fail=Failing)
        self.assertEqual(code, 1)
        self.assertIn("Traceback", err)

    def test_unknown_commands(self) -> None:
        for argv, part in (
            (["drow"], "did you mean 'draw'"),
            (["topology"], "give one of: topology list, topology schema"),
            (["topology", "lst"], "give one of: topology list"),
            (["zzz"], "'vhost --help' lists"),
            ([], "no command is given"),
        ):
            with self.subTest(argv):
                code, out, err = run(*argv)
                self.assertEqual((code, out), (2, ""))
                self.assertEqual(len(err.splitlines()), 1)
                self.assertIn(part, err)

    def test_bad_option(self) -> None:
        code, _, err = run("draw", "--nonsense")
        self.assertEqual(code, 2)
        self.assertIn("unrecognized arguments: --nonsense", err)

    def test_help_and_version(self) -> None:
        code, out, _ = run("--help")
        self.assertEqual(code, 0)
        self.assertIn("exit codes:", out)
        self.assertIn("topology validate", out)
        self.assertRegex(run("--version")[1], r" (\d+\.\d+|not installed)")

    def test_installed_commands_exist(self) -> None:
        points = importlib.metadata.entry_points(group=main.NAMESPACE)
        found = {point.name for point in points}
        self.assertLessEqual({name.replace(" ", "_") for name in COMMANDS}, found)

    def test_starts_without_what_it_does_not_need(self) -> None:
        code = (
            "import sys\nfrom vhost_tempest_plugin.cli.main import main\n"
            "unneeded = {'libvirt', 'lxml', 'cmd2', 'oslo_config', 'tempest'}\n"
            "main(['topology', 'schema'])\n"
            "print(sorted((unneeded | {'jsonschema'}) & set(sys.modules)))\n"
            "main(['topology', 'validate', 'article'])\n"
            "print(sorted(unneeded & set(sys.modules)))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        *_, before, valid, after = done.stdout.splitlines()
        self.assertEqual(("[]", "[]"), (before, after), done.stderr)
        self.assertIn("valid", valid)


class TestTopology(unittest.TestCase):
    def test_list(self) -> None:
        code, out, _ = run("topology", "list", "--format", "json")
        rows = {row["Name"]: row for row in json.loads(out)}
        self.assertEqual(code, 0)
        self.assertEqual(
            rows["article"],
            {
                "Name": "article",
                "CPUs": 8,
                "Memory (MiB)": 8192,
                "NUMA nodes": 3,
                "NICs": 9,
                "VFs": 0,
            },
        )
        self.assertEqual(rows["sriov"]["VFs"], 8)

    def test_validate_reports_all(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "bad.yaml"
            path.write_text("nodes:\n- cpus: x\n")
            code, out, err = run("topology", "validate", str(path), "article", "nope")
        self.assertEqual(code, 2)
        self.assertTrue(out.startswith("article: valid: CPUs 8, memory 8192 MiB"), out)
        self.assertEqual(len(err.splitlines()), 2)
        self.assertIn("bad.yaml:2: nodes[0]: ", err)
        self.assertEqual(run("topology", "validate", "article")[0], 0)

    def test_show_reads_back(self) -> None:
        for format_ in ("yaml", "json"):
            with self.subTest(format_):
                _, out, _ = run("topology", "show", "sriov", "-f", format_)
                _, again, _ = run("topology", "show", "sriov", "-f", "json")
                self.assertEqual(
                    yaml_file.load(out, "x").host,
                    yaml_file.load(again, "y").host,
                )

    def test_schema(self) -> None:
        _, out, _ = run("topology", "schema")
        jsonschema.Draft202012Validator.check_schema(json.loads(out))


class TestDraw(unittest.TestCase):
    def test_text(self) -> None:
        code, out, _ = run("draw", "smt")
        self.assertEqual(code, 0)
        self.assertTrue(out.startswith("smt: 8 CPUs, 4 GiB, 2 NUMA nodes, 4 NICs\n"))

    def test_default_is_the_article(self) -> None:
        self.assertTrue(run("draw")[1].startswith("article: "))

    def test_file(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "a.txt"
            self.assertEqual(run("draw", "smt", "-o", str(path)), (0, "", ""))
            self.assertIn("NUMA node 1", path.read_text())

    def test_refusals(self) -> None:
        for argv in (
            ["draw", "nope"],
            ["draw", "-o", "a.jpg"],
            ["draw", "-o", "/nonexistent/a.txt"],
            ["draw", "--picture-format", "png"],
        ):
            with self.subTest(argv):
                code, out, err = run(*argv)
                self.assertEqual((code, out), (2, ""))
                self.assertEqual(len(err.splitlines()), 1)
