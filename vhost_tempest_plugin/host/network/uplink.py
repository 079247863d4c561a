# SPDX-License-Identifier: Apache-2.0
"""What connects a host to a network of the machine, beside its user-mode link."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.util import name

_PATTERN = re.compile(rf"({name.PATTERN})(?::([0-9]{{1,3}}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Uplink:
    """A port of a network, and who the host is there.

    :param network: its name
    :param port: its number there, from 0
    :param tap: the machine's end, a tap device
    :param mac: of the host's end
    :param address: the host's, with the length of the prefix
    :param gateway: the machine's address there
    """

    network: str
    port: int
    tap: str
    mac: str
    address: IPv4Interface
    gateway: IPv4Address

    def __str__(self) -> str:
        return f"{self.network}:{self.port}"


@dataclass(frozen=True, slots=True)
class UplinkSpec:
    """What a host is to be connected to.

    :param port: None takes one that is free
    """

    network: str
    port: int | None = None

    def __str__(self) -> str:
        return self.network if self.port is None else f"{self.network}:{self.port}"

    def admits(self, uplink: Uplink | None) -> bool:
        """Whether a host with *uplink* has what is wanted."""
        return (
            uplink is not None
            and uplink.network == self.network
            and self.port in (None, uplink.port)
        )


def parse(text: str) -> UplinkSpec:
    """What ``NETWORK[:PORT]`` means.

    :raises InputError: it means nothing
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise InputError(
            f"{text!r} is no network",
            hint=(
                f"give a name of {VhostCommand('network', 'list')}, as in --network net, "
                "or one of its ports, as in --network net:0"
            ),
        )
    return UplinkSpec(found[1], None if found[2] is None else int(found[2]))
