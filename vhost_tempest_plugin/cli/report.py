# SPDX-License-Identifier: Apache-2.0
"""vhost report."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli import findings
from vhost_tempest_plugin.cli.arguments import Destination
from vhost_tempest_plugin.report import host_report
from vhost_tempest_plugin.util import progress


class Report(Command):
    """Run all checks on a host and write a page with its picture, verdicts and facts.

    The exit code is 1 if a check failed.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        parser.add_argument(
            "--output",
            type=Destination,
            default=Destination("report"),
            help="directory for the page (default: report)",
        )
        return parser

    def take_action(self, arguments: argparse.Namespace) -> int:
        lines = progress.Lines()
        written = host_report.write(arguments.name, arguments.output, lines)
        findings.show(written.findings, self.app.stdout, verbose=findings.is_verbose(self))
        self.app.stdout.write(f"{written.page}\n")
        return 0 if written.passed else 1
