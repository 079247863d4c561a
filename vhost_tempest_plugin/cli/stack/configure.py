# SPDX-License-Identifier: Apache-2.0
"""vhost stack configure-nova and vhost stack configure-tempest."""

import argparse
from pathlib import Path

from cliff.command import Command

from vhost_tempest_plugin.cli.stack.common import add_config, add_name
from vhost_tempest_plugin.devstack import config_file, files, tempest_conf
from vhost_tempest_plugin.util import paths, progress


class ConfigureNova(Command):
    """Add aliases, filters and the discovery of hosts to devstack's nova.conf."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_config(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        files.configure_nova(config_file.read(parsed_args.config))


class ConfigureTempest(Command):
    """Add the options of the scenarios to devstack's tempest.conf."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("file", type=Path, help="devstack's $TEMPEST_CONFIG")
        parser.add_argument(
            "--prepared-image",
            action="store_true",
            help="tests boot the image of 'vhost stack prepare-image' and not devstack's",
        )
        parser.add_argument(
            "--whitebox",
            action="store_true",
            help="also add the options of whitebox-tempest-plugin",
        )
        parser.add_argument(
            "--ssh-access",
            type=Path,
            metavar="DIR",
            help="where to put a key with which another user, who runs tempest, gets into the "
            "hosts; to be given to that user",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        tempest_conf.configure(
            parsed_args.name,
            parsed_args.file,
            progress.Lines(),
            prepared_image=parsed_args.prepared_image,
            with_whitebox=parsed_args.whitebox,
            ssh_directory=parsed_args.ssh_access and paths.absolute(parsed_args.ssh_access),
        )
