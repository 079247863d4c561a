# SPDX-License-Identifier: Apache-2.0
"""vhost lab env."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.cloud.configuration import client
from vhost_tempest_plugin.lab.lab import Lab


class Env(Command):
    """Print the variables with which clients reach a lab as administrator, with the password.

    For a shell: eval "$(vhost lab env)".
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument(
            "--format",
            choices=("openrc", "clouds"),
            default="openrc",
            help="commands for a shell, or a clouds.yaml (default: openrc)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        settings = Lab.find(parsed_args.name).settings
        text = client.clouds if parsed_args.format == "clouds" else client.openrc
        self.app.stdout.write(text(settings))
