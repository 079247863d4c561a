# SPDX-License-Identifier: Apache-2.0
"""Tap devices, and the addresses and routes that the machine has: iproute2 and sysfs."""

import json
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.errors import CommandError, HostError
from vhost_tempest_plugin.util import process

_INTERFACES = Path("/sys/class/net")


def exists(interface: str) -> bool:
    """Whether there is a network interface of this name."""
    return (_INTERFACES / interface).exists()


def owner(tap: str) -> int | None:
    """The user id of whose a tap device is; None where there is no such device, or it is root's.

    (Documentation/ABI of the kernel knows it not: drivers/net/tun.c, owner_show.)
    """
    found = _attribute(tap, "owner")
    return None if found in ("", "-1") else int(found)


def is_taken(tap: str) -> bool:
    """Whether a program has a tap device open: it has a carrier then."""
    return _attribute(tap, "carrier") == "1"


def of_bridge(bridge: str) -> list[str]:
    """The tap devices of a network by its bridge's name, whether they are its ports or not."""
    return sorted(path.name for path in _INTERFACES.glob(f"{bridge}p*"))


def add(tap: str, bridge: str, user: int) -> None:
    """Have a tap device of a user's be a port of a bridge, and up.

    :raises HostError: the kernel or iproute2 refuses
    """
    if not exists(tap):
        _ip("tuntap", "add", "dev", tap, "mode", "tap", "user", str(user))
    _ip("link", "set", "dev", tap, "master", bridge, "up")


def remove(tap: str) -> None:
    """Remove a tap device.

    :raises HostError: the kernel or iproute2 refuses
    """
    _ip("link", "delete", "dev", tap)


def addresses() -> Iterator[IPv4Interface]:
    """The machine's addresses."""
    for link in _listing("address", "show"):
        for address in link.get("addr_info", []):
            if "local" in address:
                yield IPv4Interface(f"{address['local']}/{address['prefixlen']}")


def occupied() -> Iterator[IPv4Network]:
    """The subnets that the machine has an address in, or a route to other than the default."""
    for address in addresses():
        yield address.network
    for route in _listing("route", "show", "table", "all"):
        if route["dst"] != "default":
            yield IPv4Interface(route["dst"]).network


def _attribute(interface: str, name: str) -> str:
    try:
        return (_INTERFACES / interface / name).read_text(encoding="utf-8").strip()
    except OSError:
        # A device that is down has none (EINVAL), as has one that is not there.
        return ""


def _listing(*words: str) -> list[dict[str, Any]]:
    # With no objects at all it prints nothing, or "[{}]" (iproute2 5.10).
    return [found for found in json.loads(_ip("-json", "-4", *words) or "[]") if found]


def _ip(*words: str) -> str:
    try:
        return process.run([process.which("ip"), *words]).stdout
    except CommandError as error:
        raise HostError(
            error.fact, hint="see dmesg, and whether the kernel has tun and bridge"
        ) from None
