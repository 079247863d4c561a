# SPDX-License-Identifier: Apache-2.0
"""The way to devstack's APIs, over TLS: a server with a certificate of devstack's own kind."""

import json
import ssl
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.cloud.client.resources import UntrustedError
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Options
from vhost_tempest_plugin.devstack.cloud import open_cloud
from vhost_tempest_plugin.util import process

ADDRESS = "127.0.0.1"


class Identity(BaseHTTPRequestHandler):
    """Gives a token for the asking."""

    def do_POST(self) -> None:
        self._answer({"token": {"expires_at": "2999-01-01T00:00:00Z", "catalog": []}}, 201)

    def do_GET(self) -> None:
        link = {"rel": "self", "href": f"https://{self.headers['Host']}/identity/v3/"}
        self._answer({"version": {"id": "v3.14", "status": "stable", "links": [link]}}, 200)

    def _answer(self, body: dict[str, Any], status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Subject-Token", "token")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *words: object) -> None:
        return


class TrustTest(unittest.TestCase):
    """nova.conf as devstack writes it: the authority is in [keystone_authtoken] alone."""

    def setUp(self) -> None:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.certificate, key = directory / "certificate", directory / "key"
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        words += ["-subj", "/CN=devstack", "-addext", f"subjectAltName=IP:{ADDRESS}"]
        process.run([*words, "-keyout", key, "-out", self.certificate])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        server = ThreadingHTTPServer((ADDRESS, 0), Identity)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.port = server.server_address[1]

    def options(self, **authority: str) -> Options:
        names = ("username", "password", "project_name", "user_domain_name", "project_domain_name")
        url = f"https://{ADDRESS}:{self.port}/identity"
        return {
            "keystone_authtoken": authority,
            "placement": {"auth_url": url, **dict.fromkeys(names, "x")},
        }

    def test_the_authority_that_nova_itself_has_is_trusted(self) -> None:
        with open_cloud(self.options(cafile=str(self.certificate))) as cloud:
            said = cloud.get(Service.KEYSTONE, "/")
        self.assertEqual("v3.14", said["version"]["id"])

    def test_without_one_it_is_said_what_to_do(self) -> None:
        with (
            open_cloud(self.options()) as cloud,
            self.assertRaisesRegex(
                UntrustedError, r"is not trusted: .*; set \[keystone_authtoken\]cafile"
            ),
        ):
            cloud.get(Service.KEYSTONE, "/")
