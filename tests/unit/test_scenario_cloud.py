# SPDX-License-Identifier: Apache-2.0
"""What scenarios do to Nova's compute hosts, and ask of moves between them."""

import unittest
from types import SimpleNamespace
from typing import Any

from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.scenario.clients.cloud import ScenarioCloud


class Services:
    """Nova's API of services, as tempest's client has it."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {
            name: {"id": f"id-{name}", "host": name, "status": "enabled", "disabled_reason": None}
            for name in ("a", "b")
        }

    def list_services(self, *, binary: str, host: str) -> dict[str, Any]:
        assert binary == "nova-compute"
        return {"services": [self.known[host]] if host in self.known else []}

    def update_service(self, service: str, **words: Any) -> None:
        found = next(each for each in self.known.values() if each["id"] == service)
        found.update({"disabled_reason": None, **words})


class HostsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.services = Services()
        clients = (
            "servers_client",
            "flavors_client",
            "placement_client",
            "quotas_client",
            "aggregates_client",
        )
        self.asked: list[dict[str, str]] = []
        manager = SimpleNamespace(**dict.fromkeys((*clients, "image_client_v2")))
        manager.vhost = SimpleNamespace(ServerTopologyClient=lambda: None)
        manager.services_client = self.services
        manager.migrations_client = self
        self.cloud = ScenarioCloud(manager)

    def list_migrations(self, **words: str) -> dict[str, Any]:
        self.asked.append(words)
        known = ((9, "confirmed"), (11, "reverted"), (10, "error"))
        return {"migrations": [{"id": number, "status": status} for number, status in known]}

    def test_the_newest_migration_of_a_server_counts(self) -> None:
        self.assertEqual("reverted", self.cloud.migration("uuid"))
        self.assertEqual([{"instance_uuid": "uuid"}], self.asked)

    def status(self, host: str) -> str:
        return str(self.services.known[host]["status"])

    def test_others_are_disabled_and_enabled_again(self) -> None:
        self.cloud.services.disable("a")
        self.assertEqual(("disabled", "enabled"), (self.status("a"), self.status("b")))
        self.cloud.services.enable("a")
        self.assertEqual("enabled", self.status("a"))

    def test_what_a_killed_test_has_left_disabled_is_opened(self) -> None:
        self.cloud.services.disable("a")
        for host in ("a", "b"):
            self.cloud.services.reopen(host)
            self.assertEqual("enabled", self.status(host))

    def test_what_somebody_has_disabled_stays_so(self) -> None:
        self.services.update_service("id-a", status="disabled", disabled_reason="maintenance")
        with self.assertRaisesRegex(VhostError, r"disabled \(maintenance\); .* --enable"):
            self.cloud.services.reopen("a")
        self.assertEqual("disabled", self.status("a"))

    def test_a_host_that_nova_does_not_know(self) -> None:
        with self.assertRaisesRegex(VhostError, "knows no compute host 'c'; correct"):
            self.cloud.services.reopen("c")
