# SPDX-License-Identifier: Apache-2.0
"""vhost lab smoke."""

import argparse
from collections.abc import Sequence

from vhost_tempest_plugin.cli.findings import FindingsCommand
from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab import smoke_guest
from vhost_tempest_plugin.util import progress


class Smoke(FindingsCommand):
    """Boot a server with a NIC, compare what every view reports of it, and delete it.

    The exit code is 1 if two views differ.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        return parser

    def find(self, parsed_args: argparse.Namespace) -> Sequence[Finding]:
        return smoke_guest.run(parsed_args.name, progress.Lines())
