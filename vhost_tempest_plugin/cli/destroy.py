# SPDX-License-Identifier: Apache-2.0
"""vhost destroy."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.host import lifecycle
from vhost_tempest_plugin.util import progress


class Destroy(Command):
    """Remove everything of a host: domain, processes, disk, keys."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        return parser

    def take_action(self, arguments: argparse.Namespace) -> None:
        lifecycle.destroy(arguments.name, progress.Lines())
