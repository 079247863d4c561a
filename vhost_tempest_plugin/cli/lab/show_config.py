# SPDX-License-Identifier: Apache-2.0
"""vhost lab show config."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.cloud.configuration import render
from vhost_tempest_plugin.cloud.configuration.override import CONFIGURABLE
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.lab import status


class ShowConfig(Command):
    """Show all that is in a service's configuration; passwords are masked."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("service", choices=[service.value for service in CONFIGURABLE])
        parser.add_argument("--host", help="of a lab with several, whose (default: the first)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        settings = status.settings(parsed_args.name)
        service = Service(parsed_args.service)
        if service.in_host:
            host = status.host(settings, parsed_args.host)
            options = render.compute_options(settings, host)
        else:
            options = render.options(settings)[service]
        self.app.stdout.write(failure.mask(render.text(options), settings.secrets))
