# SPDX-License-Identifier: Apache-2.0
"""vhost stack destroy."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.stack.common import add_name
from vhost_tempest_plugin.devstack import lifecycle
from vhost_tempest_plugin.util import progress


class Destroy(Command):
    """Remove the hosts with everything in them."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("--missing-ok", action="store_true", help="succeed if there are none")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        lifecycle.destroy(parsed_args.name, progress.Lines(), missing_ok=parsed_args.missing_ok)
