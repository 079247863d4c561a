# SPDX-License-Identifier: Apache-2.0
"""vhost plug."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.host import hotplug
from vhost_tempest_plugin.topology.pci import PciAddress
from vhost_tempest_plugin.util import progress


class Plug(Command):
    """Put back a device that was unplugged from a running host."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the host's name")
        parser.add_argument("address", help="PCI address of the device, such as 0000:b5:00.0")
        parser.add_argument(
            "--multifunction",
            action="store_true",
            help="plug a second device into the slot as well, so that both share an IOMMU group "
            "until the next boot",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        try:
            address = PciAddress.parse(parsed_args.address)
        except ValueError as error:
            show = VhostCommand("show", parsed_args.name)
            raise InputError(str(error), hint=f"{show} prints the addresses") from None
        hotplug.plug(
            parsed_args.name, address, progress.Lines(), multifunction=parsed_args.multifunction
        )
