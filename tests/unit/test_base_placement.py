# SPDX-License-Identifier: Apache-2.0
import json
import unittest
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from tempest.lib.common.rest_client import RestClient

from vhost_tempest_plugin.nova.views import Inventory, Provider
from vhost_tempest_plugin.scenario.base_placement import Operator, reporting

ROOT, NIC = "root", "nic"
CLASS = "CUSTOM_PCI_8086_10D3"


class FakePlacement:
    """The client of a Placement with a host, a NIC, and a guest that has of both.

    It looks at answers' codes as tempest's clients do.
    """

    expected_success = RestClient.expected_success

    def __init__(self, events: list[str]) -> None:
        self.events = events
        self.inventory = {"total": 1, "reserved": 0, "max_unit": 1}
        self.allocations = {ROOT: {"VCPU": 2}, NIC: {CLASS: 1}}

    def get(self, path: str) -> tuple[Any, str]:
        held = {uuid: {"resources": amounts} for uuid, amounts in self.allocations.items()}
        answers: Mapping[str, object] = {
            f"/resource_providers/{NIC}/inventories": {
                "inventories": {CLASS: self.inventory},
                "resource_provider_generation": 7,
            },
            "/allocations/guest": {
                "allocations": {uuid: {**held[uuid], "generation": 3} for uuid in held},
                "consumer_generation": 5,
                "project_id": "p",
                "user_id": "u",
            },
            f"/resource_providers/{NIC}/allocations": {
                "allocations": {"guest": held[NIC]} if NIC in held else {}
            },
        }
        return SimpleNamespace(status=200), json.dumps(answers[path])

    def put(self, path: str, body: str) -> tuple[Any, str]:
        content = json.loads(body)
        if path == "/allocations/guest":
            assert content["consumer_generation"] == 5
            found = content["allocations"].items()
            self.allocations = {uuid: entry["resources"] for uuid, entry in found}
            return SimpleNamespace(status=204), ""
        assert path == f"/resource_providers/{NIC}/inventories/{CLASS}", path
        assert content.pop("resource_provider_generation") == 7
        self.inventory = content
        return SimpleNamespace(status=200), body

    def delete(self, path: str) -> tuple[Any, str]:
        assert NIC not in self.allocations, "409"
        self.events.append(f"delete {path}")
        return SimpleNamespace(status=204), ""


class FakeDriver:
    """Of a deployment."""

    def __init__(self, events: list[str]) -> None:
        self.events = events

    @contextmanager
    def configured(self, service: str, options: Mapping[str, str]) -> Iterator[None]:
        self.events.append(f"configure {service} {dict(options)}")
        yield
        self.events.append("put back")

    def stop(self, service: str) -> None:
        self.events.append(f"stop {service}")


def provider(uuid: str, name: str) -> Provider:
    return Provider(uuid, name, None, {CLASS: Inventory(1, 0, 0)}, frozenset())


class OperatorTest(unittest.TestCase):
    def setUp(self) -> None:
        self.events: list[str] = []
        self.placement = FakePlacement(self.events)
        self.operator = Operator(self.placement)

    def test_reserve(self) -> None:
        self.operator.reserve(provider(NIC, "host_0000:B5:00.0"), 1)
        self.assertEqual({"total": 1, "reserved": 1, "max_unit": 1}, self.placement.inventory)

    def test_drop_leaves_the_rest(self) -> None:
        self.operator.drop("guest", [NIC])
        self.assertEqual({ROOT: {"VCPU": 2}}, self.placement.allocations)

    def test_delete_takes_it_from_everybody_first(self) -> None:
        self.operator.delete(NIC)
        self.assertEqual([f"delete /resource_providers/{NIC}"], self.events)

    def test_providers_are_deleted_while_nova_compute_is_stopped(self) -> None:
        found = (provider(ROOT, "host"), provider(NIC, "host_0000:B5:00.0"))
        hosts: Any = {"host": SimpleNamespace(providers=lambda: found)}
        driver: Any = FakeDriver(self.events)
        with (
            self.assertRaisesRegex(ValueError, "in the block"),
            reporting(driver, hosts, self.operator, {"pci.alias": "x"}),
        ):
            raise ValueError("in the block")
        self.assertEqual(
            [
                "configure nova-compute {'pci.report_in_placement': 'true', 'pci.alias': 'x'}",
                "stop nova-compute",
                f"delete /resource_providers/{NIC}",
            ],
            self.events[:3],
        )
