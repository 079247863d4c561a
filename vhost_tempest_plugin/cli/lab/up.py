# SPDX-License-Identifier: Apache-2.0
"""vhost lab up."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.cli.lab.common import STATUS_COLUMNS, add_name, host_count
from vhost_tempest_plugin.cli.lab.status import rows
from vhost_tempest_plugin.cli.output import Lister
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.lab import lifecycle
from vhost_tempest_plugin.lab.environment import release
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util import progress


class Up(Lister):
    """Bring up a complete OpenStack with emulated hosts as its compute nodes.

    The first time everything is made; afterwards the lab comes back as it was when it was
    ready.  Of a lab that is up already, what has died is brought back.  What is not given is
    as the lab has it.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument(
            "--topology",
            help=f"of the hosts: name or file (default: {lifecycle.DEFAULT_TOPOLOGY})",
        )
        known = ", ".join(release.catalogue())
        parser.add_argument(
            "--release", help=f"OpenStack's: one of {known} (default: the first of these)"
        )
        nova = parser.add_mutually_exclusive_group()
        nova.add_argument(
            "--nova",
            type=Path,
            metavar="DIR",
            help="a git working tree of Nova to run in place of the release's; "
            "'vhost lab restart' takes over what has changed in it",
        )
        nova.add_argument(
            "--release-nova", action="store_true", help="the release's Nova again, after a --nova"
        )
        parser.add_argument("--hosts", type=host_count, help="how many emulated hosts (default: 1)")
        parser.add_argument(
            "--accelerator",
            choices=["auto", *Accelerator],
            default="auto",
            help="auto takes KVM where a guest really runs on it (default)",
        )
        parser.add_argument(
            "--cold", action="store_true", help="make everything anew, whatever was kept"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        choice = parsed_args.accelerator
        wish = lifecycle.LabSpec(
            name=parsed_args.name,
            layout=parsed_args.topology and catalog.find(parsed_args.topology),
            release=parsed_args.release,
            nova=parsed_args.nova and parsed_args.nova.expanduser().absolute(),
            release_nova=parsed_args.release_nova,
            hosts=parsed_args.hosts,
            accelerator=None if choice == "auto" else Accelerator(choice),
            cold=parsed_args.cold,
        )
        lifecycle.up(wish, progress.Lines())
        return STATUS_COLUMNS, rows(parsed_args.name)
