# SPDX-License-Identifier: Apache-2.0
"""TCP ports on the loopback address."""

import contextlib
import errno
import socket
from collections.abc import Iterable

from vhost_tempest_plugin.errors import LocalError

LOOPBACK = "127.0.0.1"


class PortTakenError(LocalError):
    """Another program has a port."""


def choose(count: int) -> tuple[int, ...]:
    """*count* different ports that are free now, of the kernel's choice.

    Nothing holds them yet: whoever cannot ``hold`` one chooses again.

    :raises LocalError: there are not as many
    """
    with contextlib.ExitStack() as stack:
        try:
            listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
            for listener in listeners:
                listener.bind((LOOPBACK, 0))
        except OSError as error:
            raise LocalError(
                f"cannot have {count} ports on {LOOPBACK}: {error.strerror}",
                hint="see ip(7), ip_local_port_range",
            ) from None
        return tuple(listener.getsockname()[1] for listener in listeners)


def hold(port: int) -> socket.socket:
    """A socket that keeps *port* from all other users while it is open; it does not listen.

    Nobody else can bind the port, not even as a part of the wildcard address. Servers of the
    same user can, with SO_REUSEPORT (socket(7)); while none listens, connections are refused.

    :raises PortTakenError: another program has it
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        holder.bind((LOOPBACK, port))
    except OSError as error:
        holder.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTakenError(f"another program has port {port}") from None
    return holder


def taken(ports: Iterable[int]) -> tuple[int, ...]:
    """Those of *ports* that cannot be listened on now."""
    return tuple(port for port in ports if not _is_free(port))


def answers(port: int, limit_s: float = 1.0) -> bool:
    """Whether somebody listens on *port*."""
    try:
        socket.create_connection((LOOPBACK, port), limit_s).close()
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        # As servers do, so that what is left of old connections (TIME_WAIT) does not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
        return True
