# SPDX-License-Identifier: Apache-2.0
"""Nothing that goes to a lab goes to a proxy, held against a real one that notes what it gets."""

import os
import subprocess
import tempfile
import threading
import unittest
from argparse import Namespace
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

from tests.unit.lab_settings import settings
from tests.unit.test_cloud_client import FakeServer
from vhost_tempest_plugin.cli.lab import shell
from vhost_tempest_plugin.cloud.client.client import Cloud, Credentials
from vhost_tempest_plugin.cloud.client.resources import CloudError
from vhost_tempest_plugin.cloud.configuration import client, common
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.lab import tempest
from vhost_tempest_plugin.lab.services import services
from vhost_tempest_plugin.util import interpreter, proxies
from vhost_tempest_plugin.util.progress import silent

# What programs ask with: requests as openstack(1) does, urllib as others do.
ASK = """
import sys, urllib.request, requests
for ask in (requests.get, urllib.request.urlopen):
    try:
        ask(sys.argv[1], timeout=60)
    except OSError:
        pass
"""


class Proxy(BaseHTTPRequestHandler):
    """Notes the first line of each request, and passes nothing on."""

    def _handle(self) -> None:
        cast("Any", self.server).asked.append(self.requestline)
        self.send_response(502)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_CONNECT = _handle  # noqa: N815 - http.server's

    def log_message(self, *words: object) -> None:
        return


class ProxyTest(unittest.TestCase):
    def serve(self, server: Any) -> Any:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def setUp(self) -> None:
        self.proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        self.asked: list[str] = []
        cast("Any", self.proxy).asked = self.asked
        self.serve(self.proxy)
        self.server = self.serve(FakeServer())
        here = self.enterContext(mock.patch.dict("os.environ"))
        for name in ("no_proxy", "NO_PROXY"):
            here.pop(name, None)
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
            here[name] = f"http://127.0.0.1:{self.proxy.server_address[1]}"
        port = self.server.server_address[1]
        lab = settings()
        self.lab = replace(lab, ports=replace(lab.ports, keystone=port, nova_api=port))
        self.url = common.url(self.lab, Service.KEYSTONE)

    def child(self, variables: dict[str, str], url: str = "") -> None:
        """Ask as a program with these variables besides ours does."""
        subprocess.run(
            interpreter.own("-c", ASK, url or self.url),
            env={**os.environ, **variables},
            check=True,
        )

    def test_a_program_asks_it_where_nothing_is_set(self) -> None:
        self.child({})
        self.assertEqual([f"GET {self.url} HTTP/1.1"] * 2, self.asked)

    def test_the_client_of_a_lab(self) -> None:
        with Cloud.open(self.lab) as cloud, self.assertRaises(CloudError):
            cloud.services(binary=Service.NOVA_COMPUTE)
        self.assertEqual([], self.asked)

    def test_the_client_of_another_cloud_asks_it_as_its_user_wants(self) -> None:
        credentials = Credentials(self.url, "nova", "secret", "service", logs=lambda service: "")
        with Cloud.connect(credentials) as cloud, self.assertRaises(CloudError):
            cloud.services(binary=Service.NOVA_COMPUTE)
        self.assertIn(f"POST {self.url}/auth/tokens HTTP/1.1", self.asked)

    def test_the_probe_of_a_service(self) -> None:
        self.assertTrue(services.ready(self.lab, Service.KEYSTONE)())
        self.assertEqual([], self.asked)

    def test_clients_in_a_shell_of_a_lab(self) -> None:
        lab = SimpleNamespace(settings=self.lab)
        with (
            mock.patch.object(shell.Lab, "find", return_value=lab),
            mock.patch.object(shell.process, "replace") as replaced,
        ):
            command = ["--", "openstack", "server", "ssh", "x", "--", "-l", "root"]
            shell.Shell(None, None).take_action(Namespace(name="lab", command=command))
        words, variables = replaced.call_args.args
        self.assertEqual(command[1:], words)
        self.child(variables)
        self.assertEqual([], self.asked)

    def test_clients_where_the_variables_were_evaluated(self) -> None:
        text = client.openrc(self.lab)
        set_there = dict(line.removeprefix("export ").split("=", 1) for line in text.splitlines())
        self.child(set_there)
        self.assertEqual([], self.asked)

    def test_tempest(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            workspace = tempest.Workspace("lab", Path(directory), {})
            fake = interpreter.own("-c", ASK, self.url)
            with mock.patch.object(tempest, "_TEMPEST", fake):
                _, status = tempest.run(workspace, [], Path(directory, "out"), silent)
        self.assertEqual((0, []), (status, self.asked))

    def test_what_the_user_spares_stays_spared(self) -> None:
        for given, expected in (
            ({}, "127.0.0.1,localhost,::1"),
            ({"no_proxy": "corp.example, localhost"}, "127.0.0.1,::1,corp.example,localhost"),
            ({"NO_PROXY": ".corp"}, "127.0.0.1,localhost,::1,.corp"),
            ({"no_proxy": "*", "NO_PROXY": "x"}, "*"),
        ):
            with self.subTest(given):
                self.assertEqual(
                    {"no_proxy": expected, "NO_PROXY": expected},
                    proxies.sparing_loopback(given),
                )
        self.child({"no_proxy": "", "NO_PROXY": ""}, "http://elsewhere.invalid/")
        self.assertEqual(["GET http://elsewhere.invalid/ HTTP/1.1"] * 2, self.asked)
