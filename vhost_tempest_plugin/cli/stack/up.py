# SPDX-License-Identifier: Apache-2.0
"""vhost stack up."""

import argparse
from pathlib import Path

from cliff.command import Command

from vhost_tempest_plugin.cli.lab.common import host_count
from vhost_tempest_plugin.cli.stack.common import add_name
from vhost_tempest_plugin.cloud.configuration.networking import (
    Certificates,
    Networking,
    NeutronAgent,
)
from vhost_tempest_plugin.devstack import lifecycle
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util import progress


class Up(Command):
    """Bring emulated hosts up as compute nodes of a devstack, and wait until they are.

    The devstack plugin calls this; what is so already is left alone.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("--topology", default="small", help="name or file (default: small)")
        parser.add_argument("--hosts", type=host_count, default=1, help="how many (default: 1)")
        parser.add_argument(
            "--configuration",
            type=Path,
            required=True,
            metavar="FILE",
            help="devstack's nova-cpu.conf; what hosts need otherwise is changed in their copy",
        )
        parser.add_argument(
            "--environment",
            type=Path,
            required=True,
            metavar="DIR",
            help="devstack's virtual environment, which the hosts run nova-compute from",
        )
        parser.add_argument(
            "--database",
            type=Path,
            metavar="FILE",
            help="devstack's nova_cell1.conf, where this machine has it: the devices are looked "
            "for in Nova's database too",
        )
        parser.add_argument(
            "--file",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="of the machine for the hosts to have at the same path, as a CA bundle",
        )
        parser.add_argument(
            "--option",
            action="append",
            default=[],
            metavar="SECTION.OPTION=VALUE",
            help="of nova-compute in the hosts; it wins over what is computed",
        )
        parser.add_argument(
            "--pci-in-placement", action="store_true", help="the hosts report devices to Placement"
        )
        parser.add_argument(
            "--log-directory", type=Path, metavar="DIR", help="for the hosts' logs, as files"
        )
        _add_networking(parser)
        parser.add_argument(
            "--memory-limit-mib",
            type=int,
            default=0,
            metavar="MIB",
            help="refuse hosts that together take more (default: 0, no limit)",
        )
        parser.add_argument(
            "--disk-limit-mib",
            type=int,
            default=0,
            metavar="MIB",
            help="what guests may take of a host's disk (default: 0, all of it)",
        )
        parser.add_argument(
            "--network",
            metavar="NETWORK",
            help="of 'vhost network list': the hosts have its ports from 0 on, and are reached by "
            "the machine and by one another there (default: none)",
        )
        parser.add_argument(
            "--accelerator",
            choices=["auto", *Accelerator],
            default="auto",
            help="auto takes KVM where a guest really runs on it (default)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        choice = parsed_args.accelerator
        wish = lifecycle.DevstackSpec(
            name=parsed_args.name,
            layout=catalog.find(parsed_args.topology),
            count=parsed_args.hosts,
            configuration=parsed_args.configuration.absolute(),
            environment=parsed_args.environment.absolute(),
            accelerator=None if choice == "auto" else Accelerator(choice),
            database=parsed_args.database and parsed_args.database.absolute(),
            files=tuple(file.absolute() for file in parsed_args.file),
            assignments=tuple(parsed_args.option),
            pci_in_placement=parsed_args.pci_in_placement,
            memory_limit_mib=parsed_args.memory_limit_mib,
            disk_limit_mib=parsed_args.disk_limit_mib,
            log_directory=parsed_args.log_directory and parsed_args.log_directory.absolute(),
            networking=_networking(parsed_args),
            network=parsed_args.network,
        )
        lifecycle.up(wish, progress.Lines())


def _add_networking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ovn",
        metavar="CONNECTION",
        help="the hosts are chassis of the OVN whose southbound database is there, as in "
        "tcp:192.0.2.1:6642",
    )
    parser.add_argument(
        "--ovn-certificate",
        type=Path,
        nargs=3,
        metavar=("KEY", "CERTIFICATE", "CA"),
        help="what they identify themselves with, and by what they know it (ssl:)",
    )
    parser.add_argument(
        "--neutron-agent",
        nargs="+",
        action="append",
        default=[],
        metavar=("PROGRAM", "FILE"),
        help="an agent of Neutron's that runs in the hosts, and devstack's configuration of it",
    )


def _networking(parsed_args: argparse.Namespace) -> Networking:
    certificates = None
    if parsed_args.ovn_certificate:
        certificates = Certificates(*(file.absolute() for file in parsed_args.ovn_certificate))
    if parsed_args.ovn is None and certificates is not None:
        raise InputError("--ovn-certificate says nothing without --ovn; give both, or none")
    agents = (
        NeutronAgent(program, tuple(Path(file).absolute() for file in of))
        for program, *of in parsed_args.neutron_agent
    )
    return Networking(parsed_args.ovn, certificates, tuple(agents))
