# SPDX-License-Identifier: Apache-2.0
import json
import unittest
from types import SimpleNamespace
from typing import Any, ClassVar

from tempest.lib.common.rest_client import RestClient

from vhost_tempest_plugin.scenario.reporting import Operator


class FakePlacement:
    """What tempest's client does with answers is the real one's."""

    expected_success = RestClient.expected_success
    known: ClassVar[dict[str, Any]] = {
        "allocations": {
            "host": {"resources": {"VCPU": 1}, "generation": 3},
            "nic": {"resources": {"CUSTOM_NIC": 1}, "generation": 4},
        },
        "consumer_generation": 7,
        "project_id": "p",
        "user_id": "u",
    }

    def __init__(self) -> None:
        self.given: list[tuple[str, Any]] = []

    def get(self, path: str) -> Any:
        return SimpleNamespace(status=200), json.dumps(self.known)

    def put(self, path: str, content: str) -> Any:
        self.given.append((path, json.loads(content)))
        return SimpleNamespace(status=204), ""


class OperatorTest(unittest.TestCase):
    def test_some_of_what_a_consumer_has_is_taken(self) -> None:
        placement = FakePlacement()
        Operator(placement).drop("guest", ["nic"])
        left = {"host": {"resources": {"VCPU": 1}}}
        wanted = {**FakePlacement.known, "allocations": left}
        self.assertEqual([("/allocations/guest", wanted)], placement.given)
