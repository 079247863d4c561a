# SPDX-License-Identifier: Apache-2.0
"""vhost unplug."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.host import hotplug
from vhost_tempest_plugin.topology.pci import PciAddress
from vhost_tempest_plugin.util import progress


class Unplug(Command):
    """Unplug a device from a running host, until its next boot."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        parser.add_argument("address", help="PCI address of the device, such as 0000:b5:00.0")
        parser.add_argument(
            "--no-wait",
            dest="wait",
            action="store_false",
            help="only ask for it: what a guest of the host has goes when that guest ends",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        try:
            address = PciAddress.parse(parsed_args.address)
        except ValueError as error:
            show = VhostCommand("show", parsed_args.name)
            raise InputError(str(error), hint=f"{show} prints the addresses") from None
        hotplug.unplug(parsed_args.name, address, progress.Lines(), wait=parsed_args.wait)
