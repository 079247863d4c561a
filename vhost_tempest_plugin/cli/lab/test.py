# SPDX-License-Identifier: Apache-2.0
"""vhost lab test."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.arguments import Destination
from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.lab import tempest
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.mutation import run as mutation
from vhost_tempest_plugin.lab.suite import Suite
from vhost_tempest_plugin.mutation import catalogue
from vhost_tempest_plugin.report.results import mutation as results
from vhost_tempest_plugin.util import progress


class Test(Command):
    """Run tempest against a lab, by default with the tests of this plugin.

    The command prints a line for each test that ends, and writes a report. The exit code is 1 if a
    test failed, if none ran, if a test that must run on the lab's hardware did not, or, with
    --mutants, if a mutant survived.
    """

    _good = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument(
            "--smoke", action="store_true", help="the smoke tests of this plugin: a few minutes"
        )
        chosen.add_argument(
            "--regex",
            default=tempest.OURS,
            help="only tests whose names match (default: %(default)s)",
        )
        parser.add_argument(
            "--mutants",
            nargs="?",
            const="",
            metavar="REGEX",
            help="break Nova and hosts on purpose, one mutant after the other, and see whether the "
            "tests fail: the mutants whose names match (default: all), each with its own tests or "
            "those of --regex",
        )
        parser.add_argument("--list-tests", action="store_true", help="list the tests and run none")
        parser.add_argument(
            "--keep", action="store_true", help="leave the servers of failed tests for debugging"
        )
        parser.add_argument("--concurrency", type=int, default=1, help="workers (default: 1)")
        parser.add_argument(
            "--output",
            type=Destination,
            help="directory for the report (default: in the lab's directory)",
        )
        parser.add_argument(
            "words", nargs="*", metavar="option", help="after '--', other options of 'tempest run'"
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the tests; 1 if one failed."""
        return super().run(parsed_args) or int(not self._good)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        if parsed_args.mutants is not None:
            self._try_mutants(parsed_args)
            return
        regex = tempest.SMOKE if parsed_args.smoke else parsed_args.regex
        lines = progress.Lines()
        suite = Suite.choose(
            parsed_args.name,
            ["--regex", regex, *parsed_args.words],
            lines,
            keep_servers=parsed_args.keep,
        )
        if parsed_args.list_tests:
            self.app.stdout.write("".join(f"{name}\n" for name in suite.tests))
            return
        result = suite.run(parsed_args.output, parsed_args.concurrency, lines)
        self._good = result.is_good
        for outcome in result.run.outcomes:
            if not outcome.verdict.is_good:
                self.app.stdout.write(f"== {outcome.test}\n{outcome.reason.strip()}\n")
        for name in result.run.breaches:
            self.app.stdout.write(f"== {name}\nit must run on this hardware and did not\n")
        self.app.stdout.write(f"{result.run.summary}\n{result.page}\n")

    def _try_mutants(self, parsed_args: argparse.Namespace) -> None:
        mutants = catalogue.chosen(parsed_args.mutants)
        if parsed_args.list_tests:
            for mutant in mutants:
                self.app.stdout.write(f"{mutant.name}: {mutant.breaks} {mutant.reference}\n")
            return
        directory = Lab.running(parsed_args.name).directory
        output = parsed_args.output or directory.path / "tempest" / "mutants"
        tests = tempest.SMOKE if parsed_args.smoke else parsed_args.regex
        tried = mutation.run(
            parsed_args.name,
            mutants,
            output,
            progress.Lines(),
            None if tests == tempest.OURS else tests,
            keep=lambda so_far: results.write(so_far, output),
        )
        page = results.write(tried, output)
        self._good = tried.is_good
        for trial in tried.trials:
            by = ", ".join(trial.names) or trial.reason
            self.app.stdout.write(f"{trial.fate:14}  {trial.mutant:24}  {by}\n")
        self.app.stdout.write(f"{tried.summary}\n{page}\n")
