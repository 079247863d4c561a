# SPDX-License-Identifier: Apache-2.0
"""vhost lab up."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from vhost_tempest_plugin.cli.arguments import Source, TopologyText
from vhost_tempest_plugin.cli.lab.common import STATUS_COLUMNS, add_name, host_count
from vhost_tempest_plugin.cli.lab.status import rows
from vhost_tempest_plugin.cli.output import Lister
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.lab import lifecycle
from vhost_tempest_plugin.lab.environment import release
from vhost_tempest_plugin.lab.spec import DEFAULT_TOPOLOGY, LabSpec
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util import paths, progress


class Up(Lister):
    """Bring up a complete OpenStack with emulated hosts as its compute hosts.

    The first time it builds everything; later it restores the lab's snapshot. If the lab is up
    already, it restarts what has died. Options that are not given keep their values.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument(
            "--topology",
            type=TopologyText,
            help=f"topology of the hosts, a name or a file (default: {DEFAULT_TOPOLOGY})",
        )
        known = ", ".join(release.catalogue())
        parser.add_argument(
            "--release", help=f"OpenStack release, one of {known} (default: the first)"
        )
        nova = parser.add_mutually_exclusive_group()
        nova.add_argument(
            "--nova",
            type=Source,
            metavar="DIR",
            help="a git working tree of Nova to run in place of the release's; "
            "'vhost lab restart' takes over what has changed in it",
        )
        nova.add_argument(
            "--release-nova", action="store_true", help="return to the release's Nova after --nova"
        )
        parser.add_argument(
            "--hosts", type=host_count, help="number of emulated hosts (default: 1)"
        )
        parser.add_argument(
            "--accelerator",
            choices=["auto", *Accelerator],
            default="auto",
            help="auto uses KVM if a guest really runs on it (default)",
        )
        parser.add_argument(
            "--cold", action="store_true", help="build everything again, without the snapshot"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        choice = parsed_args.accelerator
        spec = LabSpec(
            name=parsed_args.name,
            layout=parsed_args.topology and catalog.find(parsed_args.topology),
            release=parsed_args.release,
            nova=parsed_args.nova and paths.absolute(parsed_args.nova),
            release_nova=parsed_args.release_nova,
            hosts=parsed_args.hosts,
            accelerator=None if choice == "auto" else Accelerator(choice),
            cold=parsed_args.cold,
        )
        lifecycle.up(spec, progress.Lines())
        return STATUS_COLUMNS, rows(parsed_args.name)
