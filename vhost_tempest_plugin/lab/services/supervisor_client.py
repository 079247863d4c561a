# SPDX-License-Identifier: Apache-2.0
"""supervisord's XML-RPC over a unix socket.

http://supervisord.org/api.html
"""

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault as Fault
from xmlrpc.client import ServerProxy, Transport

from vhost_tempest_plugin.errors import VhostCommand, VhostError
from vhost_tempest_plugin.util import private_files

# Of supervisor/xmlrpc.py, Faults.
NOT_RUNNING = 70
# It is running already; it ended at once, which its state and its log tell better.
STARTED_FAULTS = (60, 50)

_LIMIT_S = 30.0


class Absent(VhostError):  # noqa: N818 - a state rather than an error
    """No supervisord listens."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_LIMIT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_LIMIT_S)
        with private_files.near(self._path) as name:
            self.sock.connect(name)


class _Transport(Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._made = _Connection(path)

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return self._made

    def close(self) -> None:
        self._made.close()


@contextmanager
def connected(path: Path, lab: str) -> Iterator[Any]:
    """The supervisord of *lab*, on the socket *path*; its methods are the proxy's.

    :raises Absent: there is none
    :raises VhostError: it does not answer
    :raises Fault: supervisord refuses what it was asked for
    """
    try:
        with ServerProxy("http://localhost", transport=_Transport(path)) as server:
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
