# SPDX-License-Identifier: Apache-2.0
"""vhost lab down."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.lab import lifecycle
from vhost_tempest_plugin.util import progress


class Down(Command):
    """Stop a lab; 'vhost lab up' restores it from its snapshot, without later changes."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        lifecycle.down(parsed_args.name, progress.Lines())
