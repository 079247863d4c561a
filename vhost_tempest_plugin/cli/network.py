# SPDX-License-Identifier: Apache-2.0
"""vhost network create, list and destroy."""

import argparse
import pwd
from collections.abc import Iterable, Sequence
from typing import Any

from cliff.command import Command

from vhost_tempest_plugin.cli.output import Lister
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.host.network import lifecycle
from vhost_tempest_plugin.host.network.nat import MOST_PORTS
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.util import progress, service_account, trust

_COLUMNS = ("name", "state", "address", "bridge", "ports", "taken", "owner", "libvirt")


class Create(Command):
    """Create a network between this machine and hosts: libvirt's NAT, and a tap device per host.

    Run it as root. A network does not survive a reboot of the machine. What exists already is
    left alone.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the network's name, for 'vhost up --network'")
        parser.add_argument(
            "--ports",
            type=int,
            default=2,
            metavar="N",
            help=f"number of hosts that can be connected, up to {MOST_PORTS} (default: 2)",
        )
        parser.add_argument(
            "--owner",
            required=True,
            metavar="USER",
            help="name or id of the user who runs the hosts; root's run as "
            f"{service_account.NAME!r}",
        )
        parser.add_argument(
            "--connect",
            choices=[uri.value for uri in LibvirtUri],
            default=lifecycle.DEFAULT_URI,
            help=f"URI of the libvirt to use (default: {lifecycle.DEFAULT_URI})",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        trust.drop_environment()
        spec = lifecycle.NetworkSpec(
            name=parsed_args.name,
            ports=parsed_args.ports,
            owner=_user_id(parsed_args.owner),
            uri=LibvirtUri(parsed_args.connect),
        )
        lifecycle.create(spec, progress.Lines())


class Destroy(Command):
    """Remove a network with its tap devices. Run it as root."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", help="the network's name")
        parser.add_argument("--missing-ok", action="store_true", help="succeed if there is none")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        trust.drop_environment()
        lifecycle.destroy(parsed_args.name, progress.Lines(), missing_ok=parsed_args.missing_ok)


class List(Lister):
    """List the machine's networks for hosts, and the ports that running hosts use."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        return _COLUMNS, map(_row, lifecycle.overview())


def _row(status: lifecycle.NetworkStatus) -> tuple[Any, ...]:
    network = status.network
    if network is None:
        return (status.name, status.state, "", "", "", "", "", "")
    return (
        status.name,
        status.state,
        str(network.gateway),
        network.identity.bridge,
        network.ports,
        " ".join(map(str, status.taken)),
        _user_name(network.owner),
        network.uri,
    )


def _user_id(user: str) -> int:
    try:
        uid = int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
    except KeyError:
        raise InputError(f"there is no user {user!r}", hint="see 'getent passwd'") from None
    if uid == 0:
        raise InputError("no host is root's", hint=f"root's run as --owner {service_account.NAME}")
    return uid


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
