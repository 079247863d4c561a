# SPDX-License-Identifier: Apache-2.0
"""vhost check."""

import argparse
from collections.abc import Sequence

from vhost_tempest_plugin.cli.arguments import TopologyText
from vhost_tempest_plugin.cli.findings import FindingsCommand
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.checks import registry
from vhost_tempest_plugin.host.checks.base import Subject
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util import progress


class Check(FindingsCommand):
    """Check that a running host matches its topology; exit code 1 if it does not.

    A check that passed is one line. A check that failed shows what differs, and a hint.
    ``--verbose`` shows all items.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        parser.add_argument(
            "checks",
            nargs="*",
            metavar="check",
            help=f"only these checks (default: all of {', '.join(registry.HOST.load())})",
        )
        parser.add_argument(
            "--compare-with",
            type=TopologyText,
            metavar="TOPOLOGY",
            help="compare with this topology, a name or a file (default: the host's own)",
        )
        return parser

    def find(self, parsed_args: argparse.Namespace) -> Sequence[Finding]:
        news = progress.Lines()
        wanted = (
            catalog.find(parsed_args.compare_with)
            if parsed_args.compare_with
            else status.intended(parsed_args.name)
        )
        with status.connected(parsed_args.name) as (record, connection):
            subject = Subject(wanted, record.accelerator, connection, news)
            return registry.HOST.run_all(subject, parsed_args.checks)
