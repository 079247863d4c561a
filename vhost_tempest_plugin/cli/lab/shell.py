# SPDX-License-Identifier: Apache-2.0
"""vhost lab shell."""

import argparse
import os

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.cli.remainder import add_command, command
from vhost_tempest_plugin.cloud.configuration import client
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.util import process


class Shell(Command):
    """Run a command or a shell as a lab's administrator, with 'openstack' in the path."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        add_command(parser, "the command (default: a shell)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        settings = Lab.find(parsed_args.name).settings
        path = os.pathsep.join([str(settings.environment / "bin"), os.environ.get("PATH", "")])
        process.replace(
            command(parsed_args) or [os.environ.get("SHELL", "/bin/sh")],
            {**client.variables(settings), "PATH": path},
        )
