# SPDX-License-Identifier: Apache-2.0
"""vhost lab check."""

import argparse
from collections.abc import Sequence

from vhost_tempest_plugin.cli.findings import FindingsCommand
from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks import run
from vhost_tempest_plugin.lab.checks.base import LAB
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.util import progress


class Check(FindingsCommand):
    """Check that a lab is ready and matches its topology; exit code 1 if not.

    A check that passed is one line. A check that failed shows what differs, and a hint.
    ``--verbose`` shows all items.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument(
            "checks",
            nargs="*",
            metavar="check",
            help=f"only these checks (default: all of {', '.join(LAB.load())})",
        )
        return parser

    def find(self, parsed_args: argparse.Namespace) -> Sequence[Finding]:
        settings = Lab.running(parsed_args.name).settings
        return run.run(settings, parsed_args.checks, progress.Lines())
