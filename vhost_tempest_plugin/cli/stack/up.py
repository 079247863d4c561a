# SPDX-License-Identifier: Apache-2.0
"""vhost stack up."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.stack.common import add_config
from vhost_tempest_plugin.devstack import config_file, lifecycle
from vhost_tempest_plugin.util import progress


class Up(Command):
    """Bring emulated hosts up as compute hosts of a devstack, and print their names.

    Ends when the cloud knows all of them. The devstack plugin calls this; what is so already is
    left alone.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_config(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        spec = config_file.read(parsed_args.config)
        for name in lifecycle.up(spec, progress.Lines()):
            self.app.stdout.write(f"{name}\n")
