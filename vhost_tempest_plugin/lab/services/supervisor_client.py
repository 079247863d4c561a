# SPDX-License-Identifier: Apache-2.0
"""supervisord's XML-RPC over a unix socket.

http://supervisord.org/api.html
"""

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault as Fault
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from vhost_tempest_plugin.errors import VhostCommand, VhostError
from vhost_tempest_plugin.util import private_files

# Of supervisor/xmlrpc.py, Faults.
NOT_RUNNING = 70
# It is running already; it ended at once, which its state and its log show better.
STARTED_FAULTS = (60, 50)

_LIMIT_S = 30.0


class Absent(VhostError):  # noqa: N818 - a state rather than an error
    """No supervisord listens."""


class _Transport(SupervisorTransport):  # type: ignore[misc]
    """supervisor's own, which would wait for an answer forever."""

    _get_connection: Callable[[], http.client.HTTPConnection]

    def __init__(self, socket: str) -> None:
        super().__init__(serverurl=f"unix://{socket}")
        connect = self._get_connection

        def limited() -> http.client.HTTPConnection:
            connection = connect()
            try:
                connection.connect()
            except OSError:
                connection.sock.close()
                raise
            connection.sock.settimeout(_LIMIT_S)
            return connection

        self._get_connection = limited


@contextmanager
def connected(path: Path, lab: str) -> Iterator[Any]:
    """The supervisord of *lab*, on the socket *path*; its methods are the proxy's.

    :raises Absent: there is none
    :raises VhostError: it does not answer
    :raises Fault: supervisord refuses what it was asked for
    """
    try:
        with (
            private_files.near(path) as name,
            ServerProxy("http://localhost", transport=_Transport(name)) as server,
        ):
            yield server
    except (FileNotFoundError, ConnectionError, http.client.RemoteDisconnected):
        raise Absent(
            f"no supervisor listens on {path}", hint=f"run {VhostCommand('lab', 'up', name=lab)}"
        ) from None
    except TimeoutError:
        raise VhostError(
            f"the supervisor on {path} does not answer within {_LIMIT_S:g} s",
            hint=f"run {VhostCommand('lab', 'down', name=lab)}",
        ) from None
