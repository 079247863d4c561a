# SPDX-License-Identifier: Apache-2.0
"""Another user of the machine, who wants a port of somebody's."""

import itertools
import os
import socket
from collections.abc import Iterator, Sequence

from tests.unit.users import as_ordinary

# Who may share a port has its user's id (socket(7), SO_REUSEPORT): tried where it is another.
_OPTIONS = (
    (socket.SO_REUSEADDR, socket.SO_REUSEPORT) if os.geteuid() == 0 else (socket.SO_REUSEADDR,)
)
_ADDRESSES = (
    (socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET, "0.0.0.0"),
    (socket.AF_INET6, "::ffff:127.0.0.1"),
    (socket.AF_INET6, "::"),
)


def listens_on(ports: Sequence[int]) -> list[str]:
    """The ways in which somebody who is not root can listen on one of *ports* now."""
    found = as_ordinary(lambda: "\n".join(way for port in ports for way in _ways(port)))
    return found.splitlines()


def _ways(port: int) -> Iterator[str]:
    for (family, address), count in itertools.product(_ADDRESSES, range(len(_OPTIONS) + 1)):
        for options in itertools.combinations(_OPTIONS, count):
            with socket.socket(family) as listener:
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                for option in options:
                    listener.setsockopt(socket.SOL_SOCKET, option, 1)
                try:
                    listener.bind((address, port))
                    listener.listen()
                except OSError:
                    continue
                yield f"{address} port {port} with {options}"
