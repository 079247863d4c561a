# SPDX-License-Identifier: Apache-2.0
"""QEMU's user-mode networks (SLIRP) of a host's NICs, and what can be reached through them.

QEMU's ``restrict`` keeps what the host sends from the machine and from everything behind it; DHCP
and forwarded ports work.  libvirt's ``<interface type="user">`` cannot express it, and its
``qemu:override`` changes devices but no networks.  So each of these interfaces is connected to a
network of ours, and the one that libvirt makes for it stays idle.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from vhost_tempest_plugin.hypervisor.domain.element import Element


@dataclass(frozen=True, slots=True)
class UserNetwork:
    """The network of one interface of a domain.

    :param number: the interface's, from 0, as the domain lists them
    :param restricted: nothing beyond the network can be reached through it
    """

    number: int
    restricted: bool = True

    @property
    def name(self) -> str:
        """What QEMU calls it; libvirt's own names begin with "host"."""
        return f"user{self.number}"

    @property
    def alias(self) -> str:
        """What libvirt calls the interface (src/qemu/qemu_alias.c)."""
        return f"net{self.number}"

    @property
    def option(self) -> str:
        """The value of QEMU's option ``-netdev``."""
        return f"user,id={self.name},restrict={'on' if self.restricted else 'off'}"


def networks(domain: Element, *, internet: bool) -> Iterator[UserNetwork]:
    """Those that the interfaces of a domain need.

    :param internet: nothing restricts the first, the management link
    """
    for number, interface in enumerate(domain.iterfind("devices/interface")):
        if interface.get("type") == "user":
            yield UserNetwork(number, restricted=number > 0 or not internet)
