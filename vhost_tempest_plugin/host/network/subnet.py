# SPDX-License-Identifier: Apache-2.0
"""A private subnet that nobody on the machine has."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host.network.nat import PREFIX_LENGTH

# From RFC 1918 what is least in others' way: not the first ones of 192.168.0.0/16, which homes,
# offices and libvirt (122) have, nor what devstack's FIXED_RANGE and FLOATING_RANGE are from
# (10.0.0.0/22, 172.24.4.0/24), nor QEMU's user-mode network (10.0.2.0/24).
_POOLS = (
    IPv4Network("192.168.128.0/17"),
    IPv4Network("172.28.0.0/14"),
    IPv4Network("10.192.0.0/10"),
)
# A shorter prefix is a way to everywhere else and nobody's subnet: a VPN replaces the default route
# with 0.0.0.0/1 and 128.0.0.0/1.  The kernel prefers the longer prefix of a network.
_SHORTEST_SUBNET = 8


def candidates() -> Iterator[IPv4Network]:
    """The subnets to choose from, the best first."""
    for pool in _POOLS:
        yield from pool.subnets(new_prefix=PREFIX_LENGTH)


def free(occupied: Iterable[IPv4Network]) -> IPv4Network:
    """The first that overlaps no occupied subnet; one shorter than /8 does not count.

    :raises LocalError: there is none
    """
    taken = tuple({each for each in occupied if each.prefixlen >= _SHORTEST_SUBNET})
    for subnet in candidates():
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise LocalError(
        f"no /{PREFIX_LENGTH} of {', '.join(map(str, _POOLS))} is free: each overlaps an address, "
        "a route or a libvirt network of this machine",
        hint=(
            "see 'ip route show table all' and "
            "'virsh net-list --all', and remove what is not needed"
        ),
    )
