# SPDX-License-Identifier: Apache-2.0
"""A network namespace for a second machine: it reaches this one, and through it what this one does.

It is there until ``remove``; ``make`` finds one that is.
"""

import contextlib
from ipaddress import IPv4Interface
from pathlib import Path

from vhost_tempest_plugin.util import process

NAME = "vhost-subnode"
PATH = Path("/run/netns") / NAME
_OUTER, _INNER = "vhost-sub", "machine"
_HERE = IPv4Interface("10.213.77.1/30")
_THERE = IPv4Interface("10.213.77.2/30")
# A table of its own, so that nobody's rules are touched.
_TABLE = "vhost-subnode"
_RULES = f"""
table ip {_TABLE} {{
    chain out {{
        type nat hook postrouting priority srcnat
        ip saddr {_THERE.ip} oifname != "{_OUTER}" masquerade
    }}
}}
"""


def make() -> str:
    """Make it where there is none; its address."""
    if not PATH.exists():
        try:
            _make()
        except BaseException:
            remove()
            raise
    return str(_THERE.ip)


def _make() -> None:
    _ip("netns", "add", NAME)
    _ip("link", "add", _OUTER, "type", "veth", "peer", "name", _INNER, "netns", NAME)
    _ip("address", "add", str(_HERE), "dev", _OUTER)
    _ip("link", "set", _OUTER, "up")
    for words in (
        ["address", "add", str(_THERE), "dev", _INNER],
        ["link", "set", "lo", "up"],
        ["link", "set", _INNER, "up"],
        ["route", "add", "default", "via", str(_HERE.ip)],
    ):
        _ip("-netns", NAME, *words)
    process.run(["nft", "-f", "-"], input_text=_RULES)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def remove() -> None:
    """Remove it with its link and its rules, as far as they are there."""
    for words in (
        ["ip", "link", "delete", _OUTER],
        ["ip", "netns", "delete", NAME],
        ["nft", "delete", "table", "ip", _TABLE],
    ):
        with contextlib.suppress(FileNotFoundError):
            process.run(words, check=False)


def _ip(*words: str) -> None:
    process.run(["ip", *words])
