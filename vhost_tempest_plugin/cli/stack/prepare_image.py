# SPDX-License-Identifier: Apache-2.0
"""vhost stack prepare-image."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.stack.common import add_name
from vhost_tempest_plugin.devstack import tempest_conf
from vhost_tempest_plugin.util import progress


class PrepareImage(Command):
    """Upload an image of the tiny guest and create flavors with devices if they are missing."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        tempest_conf.provide(parsed_args.name, progress.Lines())
