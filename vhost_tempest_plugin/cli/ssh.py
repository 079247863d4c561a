# SPDX-License-Identifier: Apache-2.0
"""vhost ssh."""

import argparse
import os

from cliff.command import Command

from vhost_tempest_plugin.cli.remainder import add_command, command
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.util import process


class Ssh(Command):
    """Log in to a running host as root, or run a command in it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        add_command(parser, "run this instead of a login shell")
        return parser

    def take_action(self, arguments: argparse.Namespace) -> None:
        ssh = status.ssh(arguments.name)
        # The shared connection's socket is named relative to the host's directory.
        os.chdir(ssh.directory)
        process.replace([*ssh.argv(), ssh.destination, *command(arguments)])
