# SPDX-License-Identifier: Apache-2.0
"""The way to a supervisord, with servers that only listen in its place."""

import socket
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.lab.services import supervisor_client
from vhost_tempest_plugin.lab.services.supervisor_client import Absent, Fault


class Handler(SimpleXMLRPCRequestHandler):
    """On a unix socket there is no algorithm of Nagle's to be switched off."""

    rpc_paths = ("/RPC2", "/")
    disable_nagle_algorithm = False


class Server(SimpleXMLRPCServer):
    """Answers one question, on a unix socket."""

    address_family = socket.AF_UNIX

    def __init__(self, path: str) -> None:
        super().__init__(path, Handler, logRequests=False)  # type: ignore[arg-type]
        self.register_function(lambda name: f"<{name}>", "supervisor.echo")


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "supervisor.sock"

    def echo(self, text: str) -> str:
        with supervisor_client.connected(self.path, "demo") as server:
            answer: str = server.supervisor.echo(text)
        return answer

    def test_questions_and_refusals(self) -> None:
        with Server(str(self.path)) as server:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            self.assertEqual("<Ä é>", self.echo("Ä é"))
            with (
                self.assertRaisesRegex(Fault, "not supported"),
                supervisor_client.connected(self.path, "demo") as client,
            ):
                client.supervisor.unheard_of()
            server.shutdown()

    def test_none_listens(self) -> None:
        for _ in range(2):
            with self.assertRaisesRegex(Absent, "'vhost lab up --name demo'"):
                self.echo("")
            # A socket that a killed one has left.
            with socket.socket(socket.AF_UNIX) as left:
                if not self.path.exists():
                    left.bind(str(self.path))

    def test_one_that_does_not_answer(self) -> None:
        with (
            socket.socket(socket.AF_UNIX) as hung,
            mock.patch.object(supervisor_client, "_LIMIT_S", 0.1),
        ):
            hung.bind(str(self.path))
            hung.listen()
            with self.assertRaisesRegex(VhostError, "does not answer within 0.1 s; .*lab down"):
                self.echo("")
