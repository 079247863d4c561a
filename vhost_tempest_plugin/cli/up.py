# SPDX-License-Identifier: Apache-2.0
"""vhost up."""

import argparse
from collections.abc import Sequence
from typing import Any

from vhost_tempest_plugin.cli import sharing
from vhost_tempest_plugin.cli.arguments import TopologyText
from vhost_tempest_plugin.cli.describe import HOST_COLUMNS, host_row
from vhost_tempest_plugin.cli.output import ShowOne
from vhost_tempest_plugin.host import lifecycle, share, status
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.network import uplink
from vhost_tempest_plugin.host.spec import HostSpec
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import progress


class Up(ShowOne):
    """Bring a host up: build what it needs, boot it, wait until ssh answers.

    A saved host is restored. A host that is off boots again with its disk. A running host is
    left alone.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "topology",
            type=TopologyText,
            nargs="?",
            help="name or file (default: that of the host --name where it exists, else article)",
        )
        parser.add_argument("--name", help="the host's name (default: the topology's)")
        parser.add_argument(
            "--accelerator",
            choices=["auto", *Accelerator],
            default="auto",
            help="auto uses KVM if a guest really runs on it (default)",
        )
        parser.add_argument(
            "--connect",
            choices=[uri.value for uri in LibvirtUri],
            help="URI of the libvirt to use (default: a private one)",
        )
        parser.add_argument(
            "--cold", action="store_true", help="boot even if a saved state could be restored"
        )
        parser.add_argument(
            "--network",
            metavar="NETWORK[:PORT]",
            help="connect the host to this network of 'vhost network list' (default for PORT: a "
            "free one; default: the host's previous network)",
        )
        parser.add_argument(
            "--internet",
            action="store_true",
            help="let the host reach whatever this machine reaches, services on its loopback "
            "address (10.0.2.2 in the host) included (default: the host reaches nothing)",
        )
        sharing.add_option(parser)
        return parser

    def take_action(self, arguments: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        layout = _layout(arguments)
        choice = arguments.accelerator
        spec = HostSpec(
            layout=layout,
            name=arguments.name or layout.host.name,
            accelerator=None if choice == "auto" else Accelerator(choice),
            uri=LibvirtUri(arguments.connect) if arguments.connect else None,
            cold=arguments.cold,
            shares=tuple(map(share.parse, arguments.share)),
            uplink=uplink.parse(arguments.network) if arguments.network else None,
            internet=arguments.internet,
        )
        return HOST_COLUMNS, host_row(lifecycle.up(spec, progress.Lines()))


def _layout(arguments: argparse.Namespace) -> Layout:
    """What the host is to be: what is asked for, or what it is already."""
    if arguments.topology is None and arguments.name:
        directory = HostDirectory.of(arguments.name)
        if directory.is_recorded:
            return status.intended(arguments.name)
    return catalog.find(arguments.topology or "article")
