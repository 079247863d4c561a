# SPDX-License-Identifier: Apache-2.0
"""TCP ports on the loopback address."""

import contextlib
import errno
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from vhost_tempest_plugin.cloud.configuration.settings import LOOPBACK
from vhost_tempest_plugin.errors import LocalError


def choose(count: int) -> tuple[int, ...]:
    """*count* different ports that are free now, of the kernel's choice.

    Nothing holds them until they are listened on: whoever finds one taken by then
    (``taken``, or a program that says so) chooses again.

    :raises LocalError: there are not as many
    """
    with contextlib.ExitStack() as stack:
        try:
            listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
            for listener in listeners:
                listener.bind((LOOPBACK, 0))
        except OSError as error:
            raise _too_few(count, error) from None
        return tuple(listener.getsockname()[1] for listener in listeners)


@contextmanager
def held(wanted: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Hold *wanted* for the block, or as many others where one of them cannot be listened on.

    The kernel gives a port that is held to nobody who asks for any, be it for a connection;
    who asks for it by its number and with SO_REUSEADDR, as servers do, can listen on it.

    :raises LocalError: there are not as many
    """
    with contextlib.ExitStack() as stack:
        try:
            numbers = tuple(_hold(stack, port) for port in wanted)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            stack.close()
            try:
                numbers = tuple(_hold(stack, 0) for _ in wanted)
            except OSError as failure:
                raise _too_few(len(wanted), failure) from None
        yield numbers


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


def _hold(stack: contextlib.ExitStack, port: int) -> int:
    holder = stack.enter_context(socket.socket())
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((LOOPBACK, port))
    number: int = holder.getsockname()[1]
    return number


def _too_few(count: int, error: OSError) -> LocalError:
    return LocalError(
        f"cannot have {count} ports on {LOOPBACK}: {error.strerror}",
        hint="see ip(7), ip_local_port_range",
    )


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
