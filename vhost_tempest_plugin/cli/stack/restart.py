# SPDX-License-Identifier: Apache-2.0
"""vhost stack restart."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.stack.common import add_name
from vhost_tempest_plugin.devstack import lifecycle
from vhost_tempest_plugin.util import progress


class Restart(Command):
    """Apply changes of devstack's source trees and files, and restart nova-compute.

    Without a host it does so in all of them. It ends when the cloud reports them again.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("hosts", nargs="*", metavar="host")
        parser.add_argument(
            "--reboot",
            action="store_true",
            help="reboot the hosts first; needed after pip has installed something",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        lifecycle.restart(
            parsed_args.name, parsed_args.hosts, progress.Lines(), reboot=parsed_args.reboot
        )
