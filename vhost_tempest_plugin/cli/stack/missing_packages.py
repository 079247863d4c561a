# SPDX-License-Identifier: Apache-2.0
"""vhost stack missing-packages."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.stack.common import add_config
from vhost_tempest_plugin.devstack import config_file, sources


class MissingPackages(Command):
    """List the packages that the hosts need and that devstack's virtual environment lacks.

    The system's packages, which the hosts do not have, stand in for them on this machine. The
    output has one name a line, for pip's --ignore-installed.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_config(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        spec = config_file.read(parsed_args.config)
        for name in sources.missing_packages(spec.environment, spec.projects):
            self.app.stdout.write(f"{name}\n")
