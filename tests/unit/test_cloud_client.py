# SPDX-License-Identifier: Apache-2.0
"""The client of a cloud's APIs, against a server that answers as the services do."""

import json
import subprocess
import sys
import threading
import unittest
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from tests.unit.lab_settings import settings
from vhost_tempest_plugin.cloud.client import accounts, contents
from vhost_tempest_plugin.cloud.client.client import Cloud, Credentials
from vhost_tempest_plugin.cloud.client.resources import (
    CloudError,
    ComputeService,
    Hypervisor,
    Server,
)
from vhost_tempest_plugin.cloud.configuration import common
from vhost_tempest_plugin.cloud.configuration.service import CATALOGUE, Service
from vhost_tempest_plugin.host.nested_guest import GuestImage
from vhost_tempest_plugin.topology import catalog

ADDRESS = "127.0.0.1"
UUID = "11111111-1111-1111-1111-111111111111"
SERVER = {
    "id": UUID,
    "name": "vhost-try",
    "status": "ERROR",
    "OS-EXT-SRV-ATTR:host": None,
    "OS-EXT-SRV-ATTR:instance_name": "instance-1",
    "fault": {"message": "No valid host was found."},
}
SERVICE = {"binary": "nova-compute", "host": "lab-0", "state": "up", "status": "enabled"}


class Handler(BaseHTTPRequestHandler):
    """Notes what is asked, and answers from ``answers`` by method and path."""

    def _handle(self) -> None:
        server = cast("FakeServer", self.server)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.rstrip("/")
        if path in server.versions:
            self._send(200, server.versions[path])
            return
        if path == "/identity/v3/auth/tokens":
            self._send(201, server.token())
            return
        server.asked.append((f"{self.command} {self.path}", self.headers, content))
        status, body = server.answers.get(f"{self.command} {self.path}", (404, {}))
        self._send(status, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server's

    def _send(self, status: int, body: Any) -> None:
        self.send_response(status)
        content = b"" if body is None else json.dumps(body).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Subject-Token", "token")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        return


class FakeServer(ThreadingHTTPServer):
    """The services of a cloud, at one address."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((ADDRESS, 0), Handler)
        self.url = f"http://{ADDRESS}:{self.server_address[1]}"
        self.asked: list[tuple[str, Any, bytes]] = []
        self.answers: dict[str, tuple[int, Any]] = {}

        def version(path: str, number: str, **more: str) -> dict[str, Any]:
            links = [{"rel": "self", "href": f"{self.url}{path}/"}]
            return {"id": number, "status": "CURRENT", "links": links, **more}

        compute = version("/compute/v2.1", "v2.1", version="2.100", min_version="2.1")
        placement = version("/placement", "v1.0", max_version="1.39", min_version="1.0")
        self.versions = {
            "/identity/v3": {"version": version("/identity/v3", "v3.14")},
            "/compute/v2.1": {"version": compute},
            "/image": {"versions": [version("/image/v2", "v2.17")]},
            "/network": {"versions": [version("/network/v2.0", "v2.0")]},
            "/placement": {"versions": [placement]},
        }

    def token(self) -> dict[str, Any]:
        """With the catalogue."""
        places = {"identity": "/identity/v3", "compute": "/compute/v2.1"}
        services = [
            {
                "type": kind,
                "endpoints": [
                    {
                        "interface": "public",
                        "region_id": "RegionOne",
                        "url": self.url + places.get(kind, f"/{kind}"),
                    }
                ],
            }
            for kind in CATALOGUE.values()
        ]
        return {"token": {"expires_at": "2999-01-01T00:00:00Z", "catalog": services}}

    def requests(self, method: str) -> list[str]:
        """The paths that were asked so."""
        return [what.split()[1] for what, *_ in self.asked if what.startswith(f"{method} ")]


class CloudTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = FakeServer()
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        credentials = Credentials(
            identity=f"{self.server.url}/identity/v3",
            username="admin",
            password="secret",
            project="admin",
            logs=lambda service: f"the log of {service}",
        )
        self.cloud = self.enterContext(Cloud.connect(credentials))

    def answer(self, what: str, body: Any, status: int = 200) -> None:
        self.server.answers[what] = (status, body)

    def test_services_and_hypervisors_with_the_pinned_microversion(self) -> None:
        self.answer(
            "GET /compute/v2.1/os-services?binary=nova-compute",
            {"services": [{**SERVICE, "id": UUID, "updated_at": "12:00"}]},
        )
        self.assertEqual(
            (ComputeService("nova-compute", "lab-0", True, True, UUID, "12:00"),),
            self.cloud.services(binary=Service.NOVA_COMPUTE),
        )
        node = {"id": UUID, "hypervisor_hostname": "lab-0", "state": "up"}
        self.answer(
            "GET /compute/v2.1/os-hypervisors/detail",
            {"hypervisors": [{**node, "service": {"host": "lab-0"}}]},
        )
        self.assertEqual((Hypervisor("lab-0", "lab-0", True, UUID),), self.cloud.hypervisors())
        for _, headers, _ in self.server.asked:
            self.assertEqual("compute 2.90", headers["OpenStack-API-Version"])
            self.assertEqual("token", headers["X-Auth-Token"])

    def test_a_server_that_fails(self) -> None:
        self.answer(f"GET /compute/v2.1/servers/{UUID}", {"server": SERVER})
        self.answer("POST /compute/v2.1/servers", {"server": {"id": UUID}}, 202)
        found = self.cloud.create_server("vhost-try", flavor="6", image="image")
        expected = Server(
            UUID, "vhost-try", "ERROR", None, "instance-1", "No valid host was found."
        )
        self.assertEqual(expected, found)
        (content,) = (body for what, _, body in self.server.asked if what.startswith("POST"))
        self.assertEqual(
            {"name": "vhost-try", "flavorRef": "6", "imageRef": "image", "networks": "none"},
            json.loads(content)["server"],
        )
        with self.assertRaisesRegex(CloudError, "'vhost-try' failed: No valid host.*; see the log"):
            self.cloud.wait_for_server(UUID, 1)

    def test_a_server_that_is_deleted(self) -> None:
        self.answer(f"DELETE /compute/v2.1/servers/{UUID}", None, 204)
        self.cloud.delete_server(UUID, 1)
        with self.assertRaises(CloudError) as caught:
            self.cloud.server(UUID)
        self.assertTrue(caught.exception.is_missing)
        self.assertEqual("see the log of nova-api", caught.exception.hint)

    def test_the_console(self) -> None:
        self.answer(f"POST /compute/v2.1/servers/{UUID}/action", {"output": "hello"})
        self.assertEqual("hello", self.cloud.console(UUID))

    def test_agents_that_live(self) -> None:
        agents = [{"id": "1", "binary": "a", "alive": True}, {"id": "2", "binary": "b"}]
        self.answer("GET /network/v2.0/agents?host=lab-0", {"agents": agents})
        self.assertEqual({"a"}, self.cloud.living_agents("lab-0"))

    def test_placement_with_the_pinned_microversion(self) -> None:
        provider = {"uuid": "u", "name": "lab-0", "parent_provider_uuid": None}
        self.answer("GET /placement/resource_providers", {"resource_providers": [provider]})
        self.answer("GET /placement/resource_providers/u/inventories", {"inventories": {}})
        self.answer("GET /placement/resource_providers/u/usages", {"usages": {}})
        self.answer("GET /placement/resource_providers/u/traits", {"traits": ["CUSTOM_A"]})
        (found,) = self.cloud.placement.providers()
        self.assertEqual(("lab-0", {"CUSTOM_A"}), (found.name, found.traits))
        for _, headers, _ in self.server.asked:
            self.assertEqual("placement 1.36", headers["OpenStack-API-Version"])

    def test_contents_are_made_once(self) -> None:
        layouts = [catalog.find("small")]
        flavors = [{"id": flavor.name, "name": flavor.name} for flavor in contents.flavors(layouts)]
        with TemporaryDirectory() as directory:
            file = Path(directory, "file")
            file.write_text("content")
            image = GuestImage(file, file, file, digest="d")
            self.answer("GET /compute/v2.1/flavors/detail?is_public=None", {"flavors": flavors[:1]})
            self.answer("GET /image/v2/images?status=active", {"images": []})
            self.answer("POST /compute/v2.1/flavors", {"flavor": {"id": "new"}})
            self.answer("POST /compute/v2.1/flavors/new/os-extra_specs", {"extra_specs": {}})
            self.answer("POST /image/v2/images", {"id": "image"}, 201)
            self.answer("PUT /image/v2/images/image/file", None, 204)
            self.answer("GET /image/v2/images/image", {"id": "image"})
            contents.ensure(layouts, self.cloud, image)
        made = {
            body["name"]: body
            for what, _, content in self.server.asked
            if what == "POST /image/v2/images"
            for body in [json.loads(content)]
        }
        self.assertEqual(3, len(made))
        guest = made[contents.IMAGE]
        self.assertEqual(("ami", "public"), (guest["disk_format"], guest["visibility"]))
        self.assertEqual(("image", "q35"), (guest["kernel_id"], guest["hw_machine_type"]))
        asked = self.server.requests("POST")
        self.assertEqual(len(flavors) - 1, asked.count("/compute/v2.1/flavors"))
        self.server.asked.clear()
        self.answer("GET /compute/v2.1/flavors/detail?is_public=None", {"flavors": flavors})
        images = [{"id": "image", "name": contents.IMAGE}]
        self.answer("GET /image/v2/images?status=active", {"images": images})
        contents.ensure(layouts, self.cloud, image)
        self.assertEqual([], self.server.requests("POST"))

    def test_accounts_are_made_once_and_follow_the_addresses(self) -> None:
        lab = settings()
        roles = [{"id": name, "name": name} for name in accounts.ROLES]
        self.answer("GET /identity/v3/roles", {"roles": roles})
        project = {"id": "p", "name": "service"}
        which = "domain_id=default&name=service"
        self.answer(f"GET /identity/v3/projects?{which}", {"projects": [project]})
        for name in accounts.USERS:
            users = [{"id": name, "name": name}] if name != "nova" else []
            self.answer(f"GET /identity/v3/users?domain_id=default&name={name}", {"users": users})
            for role in accounts.ROLES:
                self.answer(f"PUT /identity/v3/projects/p/users/{name}/roles/{role}", None, 204)
        self.answer("POST /identity/v3/users", {"user": {"id": "nova"}}, 201)
        kinds = [{"id": kind, "type": kind} for kind in CATALOGUE.values()]
        self.answer("GET /identity/v3/services", {"services": kinds})
        endpoints = [
            {
                "id": f"{kind}-{interface}",
                "service_id": kind,
                "interface": interface,
                "url": common.url(lab, service),
            }
            for service, kind in CATALOGUE.items()
            for interface in accounts.INTERFACES
        ]
        self.answer("GET /identity/v3/endpoints", {"endpoints": endpoints})
        accounts.ensure(lab, self.cloud)
        self.assertEqual(["/identity/v3/users"], self.server.requests("POST"))
        self.assertEqual([], self.server.requests("PATCH"))
        for interface in accounts.INTERFACES:
            self.answer(f"PATCH /identity/v3/endpoints/image-{interface}", {"endpoint": {}})
        accounts.ensure(replace(lab, ports=replace(lab.ports, glance=9)), self.cloud)
        self.assertEqual(2, len(self.server.requests("PATCH")))

    def test_a_refusal_names_the_service_and_its_log(self) -> None:
        self.answer("GET /network/v2.0/networks", {"NeutronError": {"message": "no"}}, 500)
        with self.assertRaises(CloudError) as caught:
            self.cloud.networks()
        self.assertEqual(500, caught.exception.status)
        self.assertRegex(caught.exception.fact, r"\Aneutron refused the list of networks: .*500")
        self.assertEqual("see the log of neutron", caught.exception.hint)

    def test_nobody_answers(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        for ask in (self.cloud.services, self.cloud.images, self.cloud.placement.providers):
            with self.assertRaises(CloudError) as caught:
                ask()
            self.assertIsNone(caught.exception.status)


class ImportTest(unittest.TestCase):
    def test_the_sdk_is_not_imported_where_no_cloud_is_asked(self) -> None:
        program = (
            "import sys\n"
            "import vhost_tempest_plugin.cli.lab.up, vhost_tempest_plugin.cli.stack.up\n"
            "print([name for name in ('openstack', 'keystoneauth1') if name in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        self.assertEqual("[]\n", done.stdout)
