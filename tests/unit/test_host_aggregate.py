# SPDX-License-Identifier: Apache-2.0
"""Servers come to the hosts that tests know, whatever else the cloud has."""

import unittest
from types import SimpleNamespace
from typing import Any

from tempest.lib import exceptions

from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.scenario.clients.host_aggregate import NAME, HostAggregate


class Nova:
    """Its compute services, and its aggregates with what it has against changes of them."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts
        self.busy: frozenset[str] = frozenset()
        self.aggregates: dict[int, dict[str, Any]] = {}

    def list_services(self, *, binary: str) -> dict[str, Any]:
        assert binary == "nova-compute"
        return {"services": [{"host": host} for host in self.hosts]}

    def list_aggregates(self) -> dict[str, Any]:
        return {"aggregates": [{**each, "hosts": [*each["hosts"]]} for each in self.all()]}

    def all(self) -> list[dict[str, Any]]:
        return list(self.aggregates.values())

    def create_aggregate(self, **words: str) -> dict[str, Any]:
        made = {"id": len(self.aggregates) + 1, "hosts": [], **words}
        self.aggregates[made["id"]] = made
        return {"aggregate": {"id": made["id"]}}

    def add_host(self, aggregate: int, *, host: str) -> None:
        there = [each for each in self.all() if host in each["hosts"]]
        if host in self.busy or any(each["availability_zone"] for each in there):
            raise exceptions.Conflict(resp=SimpleNamespace(status=409), resp_body="no")
        self.aggregates[aggregate]["hosts"].append(host)

    def remove_host(self, aggregate: int, *, host: str) -> None:
        if host in self.busy:
            raise exceptions.Conflict(resp=SimpleNamespace(status=409), resp_body="no")
        self.aggregates[aggregate]["hosts"].remove(host)

    def delete_aggregate(self, aggregate: int) -> None:
        assert not self.aggregates.pop(aggregate)["hosts"]


class HostAggregateTest(unittest.TestCase):
    def setUp(self) -> None:
        self.nova = Nova("a", "b", "machine")
        self.zone = HostAggregate(self.nova, self.nova)

    def given(self, zone: str, *hosts: str) -> None:
        made = self.nova.create_aggregate(name="theirs", availability_zone=zone)["aggregate"]["id"]
        self.nova.aggregates[made]["hosts"] += hosts

    def test_none_where_there_are_no_others(self) -> None:
        self.assertIsNone(self.zone.around(["machine", "b", "a"]))
        self.zone.remove()
        self.assertEqual([], self.nova.all())

    def test_it_is_there_for_a_time(self) -> None:
        self.assertEqual(NAME, self.zone.around(["a", "b"]))
        (made,) = self.nova.all()
        self.assertEqual({"a", "b"}, set(made["hosts"]))
        self.zone.remove()
        self.assertEqual([], self.nova.all())

    def test_one_that_somebody_has_made_is_theirs(self) -> None:
        self.given("rack", "a", "b")
        self.assertEqual("rack", self.zone.around(["a", "b"]))
        self.zone.remove()
        self.assertEqual(1, len(self.nova.all()))

    def test_what_a_killed_test_has_left_is_taken_up(self) -> None:
        self.zone.around(["a", "b"])
        another = HostAggregate(self.nova, self.nova)
        self.assertEqual(NAME, another.around(["b"]))
        self.assertEqual([["b"]], [each["hosts"] for each in self.nova.all()])
        another.remove()
        self.assertEqual([], self.nova.all())

    def test_hosts_in_a_zone_with_others(self) -> None:
        self.given("rack", "a", "machine")
        with self.assertRaisesRegex(VhostError, r"'a' cannot have a zone without .*\[vhost\]hosts"):
            self.zone.around(["a"])
        self.zone.remove()
        self.assertEqual(["theirs"], [each["name"] for each in self.nova.all()])

    def test_a_guest_that_is_left_keeps_it(self) -> None:
        self.zone.around(["a"])
        self.nova.busy = frozenset({"a"})
        self.zone.remove()
        self.assertEqual([["a"]], [each["hosts"] for each in self.nova.all()])
