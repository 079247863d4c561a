# SPDX-License-Identifier: Apache-2.0
"""vhost lab reset."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.lab import lifecycle
from vhost_tempest_plugin.util import progress


class Reset(Command):
    """Restore a lab's snapshot, in seconds; options set since then are forgotten."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        lifecycle.reset(parsed_args.name, progress.Lines())
