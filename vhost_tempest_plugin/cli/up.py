# SPDX-License-Identifier: Apache-2.0
"""vhost up."""

import argparse
from collections.abc import Sequence
from typing import Any

from vhost_tempest_plugin.cli import sharing
from vhost_tempest_plugin.cli.describe import HOST_COLUMNS, host_row
from vhost_tempest_plugin.cli.output import ShowOne
from vhost_tempest_plugin.host import lifecycle, share, status
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.network import uplink
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import progress


class Up(ShowOne):
    """Bring a host up: build what it needs, boot it, wait until ssh answers.

    A host that is saved is restored, one that is off is booted again with its disk as it
    was, one that is up already is left alone.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "topology",
            nargs="?",
            help="name or file (default: that of the host --name where it exists, else article)",
        )
        parser.add_argument("--name", help="the host's name (default: the topology's)")
        parser.add_argument(
            "--accelerator",
            choices=["auto", *Accelerator],
            default="auto",
            help="auto takes KVM where a guest really runs on it (default)",
        )
        parser.add_argument(
            "--connect", metavar="URI", help="a libvirt to use (default: a private one)"
        )
        parser.add_argument(
            "--cold", action="store_true", help="boot even where a saved state could be restored"
        )
        parser.add_argument(
            "--network",
            metavar="NETWORK[:PORT]",
            help="a network of 'vhost network list' that the host is connected to beside its "
            "user-mode link (default for PORT: one that is free; default: what the host had)",
        )
        sharing.add_option(parser)
        return parser

    def take_action(self, arguments: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        layout = _layout(arguments)
        choice = arguments.accelerator
        wish = lifecycle.HostSpec(
            layout=layout,
            name=arguments.name or layout.host.name,
            accelerator=None if choice == "auto" else Accelerator(choice),
            uri=arguments.connect,
            cold=arguments.cold,
            shares=tuple(map(share.parse, arguments.share)),
            uplink=uplink.parse(arguments.network) if arguments.network else None,
        )
        return HOST_COLUMNS, host_row(lifecycle.up(wish, progress.Lines()))


def _layout(arguments: argparse.Namespace) -> Layout:
    """What the host is to be: what is asked for, or what it is already."""
    if arguments.topology is None and arguments.name:
        directory = HostDirectory.of(arguments.name)
        if directory.is_recorded:
            return status.intended(arguments.name)
    return catalog.find(arguments.topology or "article")
