# SPDX-License-Identifier: Apache-2.0
"""vhost lab restart."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.cloud.configuration.override import CONFIGURABLE
from vhost_tempest_plugin.lab import restart
from vhost_tempest_plugin.util import progress


class Restart(Command):
    """Apply changes of the Nova under test and restart services, by default all of Nova's.

    The command ends when the services are usable again.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        known = [service.value for service in CONFIGURABLE]
        parser.add_argument(
            "services", nargs="*", metavar="service", help=f"one of {', '.join(known)}"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        restart.restart(parsed_args.name, parsed_args.services, progress.Lines())
