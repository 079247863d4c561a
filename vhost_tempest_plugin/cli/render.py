# SPDX-License-Identifier: Apache-2.0
"""vhost render."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli import sharing
from vhost_tempest_plugin.cli.arguments import TopologyText
from vhost_tempest_plugin.host import boot, lifecycle, share
from vhost_tempest_plugin.topology import catalog


class Render(Command):
    """Print libvirt's domain XML of a topology, or with --host of a running host."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "topology",
            type=TopologyText,
            nargs="?",
            default=catalog.DEFAULT,
            help="name or file (default: article)",
        )
        parser.add_argument(
            "--host", metavar="NAME", help="print the live XML of this running host"
        )
        sharing.add_option(parser)
        return parser

    def take_action(self, arguments: argparse.Namespace) -> None:
        if arguments.host:
            xml = lifecycle.live_xml(arguments.host)
        else:
            shares = tuple(map(share.parse, arguments.share))
            xml = boot.preview(catalog.find(arguments.topology), shares)
        self.app.stdout.write(xml)
