# SPDX-License-Identifier: Apache-2.0
"""vhost check."""

import argparse
from collections.abc import Sequence

from vhost_tempest_plugin import catalog, hosts, layout, progress
from vhost_tempest_plugin.checks import registry
from vhost_tempest_plugin.checks.base import Subject
from vhost_tempest_plugin.cli.findings import FindingsCommand
from vhost_tempest_plugin.finding import Finding


class Check(FindingsCommand):
    """Check that a running host is what its topology says; exit code 1 if anything is not."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        parser.add_argument(
            "checks",
            nargs="*",
            metavar="check",
            help=f"these checks alone (default: all of {', '.join(registry.HOST.load())})",
        )
        parser.add_argument(
            "--against",
            metavar="TOPOLOGY",
            help="name or file of the topology to expect (default: the host's own)",
        )
        return parser

    def find(self, parsed_args: argparse.Namespace) -> Sequence[Finding]:
        news = progress.Lines()
        wanted = (
            layout.lay_out(catalog.find(parsed_args.against))
            if parsed_args.against
            else hosts.intended(parsed_args.name)
        )
        with hosts.connected(parsed_args.name) as (record, machine):
            subject = Subject(wanted, record.accelerator, machine, news)
            return registry.HOST.run_all(subject, parsed_args.checks)
