# SPDX-License-Identifier: Apache-2.0
"""TCP ports on the loopback address."""

import contextlib
import errno
import socket
from collections.abc import Iterable

from vhost_tempest_plugin.configuration.settings import LOOPBACK
from vhost_tempest_plugin.errors import MachineError


def choose(count: int) -> tuple[int, ...]:
    """*count* different ports that are free now, of the kernel's choice.

    Nothing holds them until they are listened on: whoever finds one taken by then
    (``taken``, or a program that says so) chooses again.

    :raises MachineError: there are not as many
    """
    with contextlib.ExitStack() as stack:
        try:
            listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
            for listener in listeners:
                listener.bind((LOOPBACK, 0))
        except OSError as error:
            raise MachineError(
                f"cannot have {count} ports on {LOOPBACK}: {error.strerror}; see ip(7), "
                "ip_local_port_range"
            ) from None
        return tuple(listener.getsockname()[1] for listener in listeners)


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
