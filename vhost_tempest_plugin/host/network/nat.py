# SPDX-License-Identifier: Apache-2.0
"""A network of the machine for hosts that must be reached from it and from one another.

It is one of libvirt's NAT networks: a bridge with an address of the machine's, from which what
hosts send elsewhere is sent on as if it were the machine's.  All names in it follow from its own,
so that a half-made network is found without its record.
"""

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from uuid import UUID, uuid5

from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.host.network.uplink import Uplink
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.util.name import RULE, is_name

PREFIX_LENGTH = 24
# Their addresses follow the machine's, and the last is for broadcasts.
MOST_PORTS = 253
# The one above is -1, which is nobody (chown(2)).
_HIGHEST_USER_ID = 2**32 - 2

_NAMESPACE = UUID("0d3f7ab2-5c1e-4f86-9a70-61b2c8e4d953")


@dataclass(frozen=True, slots=True)
class NatNetwork:
    """A network and its ports.

    :param subnet: what its addresses are from; the first is the machine's
    :param ports: how many hosts it has room for
    :param owner: the user id of who runs the hosts
    :param uri: the libvirt that has it
    :raises InputError: it cannot have this name, or so many ports
    """

    name: str
    subnet: IPv4Network
    ports: int
    owner: int
    uri: LibvirtUri

    def __post_init__(self) -> None:
        validate(self.name, self.ports, self.owner)

    @property
    def identity(self) -> "Identity":
        """What it is called elsewhere."""
        return Identity(self.name)

    @property
    def gateway(self) -> IPv4Interface:
        """The machine's address."""
        return IPv4Interface((self.subnet[1], self.subnet.prefixlen))

    def uplink(self, port: int) -> Uplink:
        """What is at a port.

        :raises InputError: there is no such port
        """
        if port not in range(self.ports):
            raise InputError(
                f"network {self.name!r} has the ports 0 to {self.ports - 1}, and no {port}",
                hint=(
                    f"run {VhostCommand('network', 'destroy', self.name).as_root}, and create it "
                    "with more"
                ),
            )
        return Uplink(
            network=self.name,
            port=port,
            tap=self.identity.tap(port),
            mac=self.identity.mac(port + 1),
            address=IPv4Interface((self.subnet[port + 2], self.subnet.prefixlen)),
            gateway=IPv4Address(self.gateway.ip),
        )

    @property
    def taps(self) -> tuple[str, ...]:
        """The tap devices of all ports."""
        return tuple(self.identity.tap(port) for port in range(self.ports))


@dataclass(frozen=True, slots=True)
class Identity:
    """What a network of this name is called by libvirt and the kernel.

    The kernel's names have 15 bytes at the most (IFNAMSIZ in linux/if.h).
    """

    name: str

    @property
    def uuid(self) -> UUID:
        """libvirt's, which identifies it as ours."""
        return uuid5(_NAMESPACE, self.name)

    @property
    def libvirt_name(self) -> str:
        """Libvirt's name of it."""
        return f"vhost-{self.name}"

    @property
    def bridge(self) -> str:
        """The bridge."""
        return f"vh{self._digest[:8]}"

    def tap(self, port: int) -> str:
        """The tap device of a port."""
        return f"{self.bridge}p{port}"

    def mac(self, number: int) -> str:
        """A locally administered address: 0 is the bridge's, and those of ports follow.

        It begins with 06, what ``layout`` makes up with 02.
        """
        return f"06:{':'.join(self._digest[i : i + 2] for i in range(0, 8, 2))}:{number:02x}"

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()


def validate(name: str, ports: int, owner: int) -> None:
    """Check that there can be a network of a name, with so many ports, for a user id.

    :raises InputError: there cannot
    """
    validate_name(name)
    if not 1 <= ports <= MOST_PORTS:
        raise InputError(f"a network has 1 to {MOST_PORTS} ports, and not {ports}")
    if not 0 <= owner <= _HIGHEST_USER_ID:
        raise InputError(f"{owner} is no user id", hint=f"the highest is {_HIGHEST_USER_ID}")


def validate_name(name: str) -> None:
    """Check that a network can have a name.

    :raises InputError: it cannot
    """
    if not is_name(name):
        raise InputError(f"{name!r} is no network name", hint=f"use {RULE}")
