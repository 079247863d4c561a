# SPDX-License-Identifier: Apache-2.0
"""What tests require, which of them must run, and the load plans that they make."""

import unittest
from collections.abc import Iterator

from tests.unit.asking import ARTICLE, LOPSIDED, SMALL, SMT, SOCKETS, SRIOV
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import HardwareRequirement, TestEnvironment
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import (
    HostCandidate,
    InstanceNode,
    Limits,
    Observation,
    Placed,
    Refused,
    Shortage,
    ranked,
)
from vhost_tempest_plugin.nova.expect.outcome import Choice
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import CpuPolicy, Request
from vhost_tempest_plugin.scenario import required_tests
from vhost_tempest_plugin.scenario.requests.load_plans import (
    out_of_reach,
    pages_apart,
    pages_apart_matters,
    placeable,
    reach_matters,
)
from vhost_tempest_plugin.scenario.requests.node_capacity import capacities
from vhost_tempest_plugin.scenario.requests.server_requests import nics, request
from vhost_tempest_plugin.topology.devices import igb
from vhost_tempest_plugin.topology.layout import Layout

LIMITS = Limits(reserved_mib=256)


def environment(*layouts: Layout) -> TestEnvironment:
    return TestEnvironment(layouts)


class RequirementTest(unittest.TestCase):
    def test_how_much_there_is(self) -> None:
        for wanted, layout, there in (
            (requirement.nodes, ARTICLE, 3),
            (requirement.sockets_of_nodes, SOCKETS, 2),
            (requirement.sockets_of_nodes, ARTICLE, 1),
            (requirement.local_devices, LOPSIDED, 6),
            (requirement.device_nodes, LOPSIDED, 2),
            (requirement.deviceless_nodes, LOPSIDED, 1),
            (requirement.off_node_devices, LOPSIDED, 1),
            (requirement.off_node_devices, ARTICLE, 0),
            (requirement.devices, ARTICLE, 9),
            (requirement.device_kinds, SRIOV, 2),
            (requirement.dedicated_cpus, ARTICLE, 2),
            (requirement.cpus_beside_devices, ARTICLE, 2),
            (requirement.cpus_beside_devices, LOPSIDED, 1),
            (requirement.local_devices, SRIOV, 4),
            (requirement.threads, SMT, 2),
        ):
            with self.subTest(wanted=wanted.__name__, topology=layout.host.name):
                self.assertEqual("", wanted(there).unmet(environment(layout)))
                unmet = wanted(there + 1).unmet(environment(layout))
                self.assertTrue(unmet.endswith(f"has {there}"), unmet)

    def test_huge_pages_and_models(self) -> None:
        self.assertEqual("", requirement.huge_pages(2048, 64).unmet(environment(SMALL)))
        self.assertNotEqual("", requirement.huge_pages(1048576).unmet(environment(SMALL)))
        self.assertEqual("", requirement.device_model(igb.MODEL).unmet(environment(SRIOV)))
        self.assertNotEqual("", requirement.device_model(igb.MODEL).unmet(environment(SMALL)))

    def test_of_several_hosts_one_must_have_it(self) -> None:
        self.assertEqual("", requirement.local_devices(6).unmet(environment(ARTICLE, LOPSIDED)))
        self.assertEqual("", requirement.hosts(2).unmet(environment(ARTICLE, LOPSIDED)))
        self.assertNotEqual("", requirement.hosts(2).unmet(environment(ARTICLE)))

    def test_a_driver(self) -> None:
        wanted = requirement.deployment(DriverCapability.REBOOT, DriverCapability.UNPLUG)
        able = frozenset(
            {DriverCapability.REBOOT, DriverCapability.UNPLUG, DriverCapability.RESTART}
        )
        self.assertEqual("", wanted.unmet(TestEnvironment((ARTICLE,), able)))
        unmet = wanted.unmet(TestEnvironment((ARTICLE,), frozenset({DriverCapability.REBOOT})))
        self.assertIn("reboot compute hosts", unmet)

    def test_all_that_is_unmet_is_reported(self) -> None:
        wanted: tuple[HardwareRequirement, ...] = (
            requirement.nodes(4),
            requirement.devices(9),
            requirement.threads(2),
        )
        self.assertEqual(2, len(requirement.unmet(wanted, environment(ARTICLE))))


class RequiredTestsTest(unittest.TestCase):
    def test_what_belongs_to_it(self) -> None:
        article, sockets = (
            required_tests.entries(environment(layout)) for layout in (ARTICLE, SOCKETS)
        )
        self.assertEqual([e.id for e in article], [e.id for e in sockets])
        name = "test_three_nodes_with_devices_of_all"
        self.assertTrue(self.entry(article, name).must_run)
        self.assertIn("has 2", self.entry(sockets, name).unmet[0])
        self.assertIn("smoke", self.entry(article, "test_flavor_against_image_is_refused").tags)

    def test_breaches(self) -> None:
        entries = required_tests.entries(environment(ARTICLE))
        must = [entry.id for entry in entries if entry.must_run]
        self.assertEqual(
            (), required_tests.breaches(entries, [f"{name}[id-1,smoke]" for name in must])
        )
        self.assertEqual((must[0],), required_tests.breaches(entries, must[1:]))
        self.assertEqual((), required_tests.breaches(entries, must[1:], [must[1]]))
        self.assertEqual((must[0],), required_tests.breaches(entries, [], [f"{must[0]}[id-1]"]))

    def test_the_name_that_patterns_are_held_against(self) -> None:
        entry = required_tests.Entry("plugin.Test.test_x", frozenset({"smoke", "compute"}), ())
        self.assertEqual("plugin.Test.test_x[compute,smoke]", entry.full_name)

    def entry(self, entries: tuple[required_tests.Entry, ...], name: str) -> required_tests.Entry:
        return next(entry for entry in entries if entry.id.endswith(name))


class LoadPlanTest(unittest.TestCase):
    """The situations are what they should be, whatever Nova chooses of what it may."""

    def test_near_devices_out_of_reach(self) -> None:
        for layout in (ARTICLE, SMALL, SMT, SOCKETS, LOPSIDED, SRIOV):
            for kind in pci_devices.tracked([layout]):
                plan = out_of_reach(layout, kind)
                if plan is None:
                    continue
                with self.subTest(topology=layout.host.name, kind=kind.name):
                    wanted = [asked for together in plan for asked in together]
                    for full in self.after(HostCandidate(layout, LIMITS), wanted):
                        expected = full.expects(self.pinned(nics(kind)))
                        assert isinstance(expected, Refused)
                        self.assertIs(Shortage.AFFINITY, expected.reason)
                        loose = self.pinned(nics(kind, 1, NumaPolicy.PREFERRED))
                        self.assertIsInstance(full.expects(loose), Placed)

    def test_where_there_is_such_a_load(self) -> None:
        for layout in (ARTICLE, SMALL, SMT, SOCKETS, LOPSIDED):
            self.assertEqual("", reach_matters().unmet(environment(layout)), layout.host.name)

    def test_pages_and_devices_apart(self) -> None:
        """Where, and how many guests it takes; test_scenarios has what comes of them."""
        for layout, guests in (
            (SMALL, 3),
            (SMT, 2),
            (LOPSIDED, 1),
            (ARTICLE, None),
            (SOCKETS, None),
        ):
            with self.subTest(topology=layout.host.name):
                (kind, *_) = pci_devices.tracked([layout])
                plan = pages_apart(capacities([layout], kind), kind, 2048)
                there = plan and sum(len(together) for together in plan)
                self.assertEqual(guests, there)
                unmet = pages_apart_matters(2048).unmet(environment(layout))
                self.assertEqual(guests is None, bool(unmet), unmet)

    def test_a_place_for_a_guest(self) -> None:
        """Also of the kind of device that a host has."""
        wanted = placeable("four devices", lambda kind: request(devices=nics(kind, 4)))
        self.assertEqual("", wanted.unmet(environment(ARTICLE, LOPSIDED)))
        self.assertIn("four devices", wanted.unmet(environment(ARTICLE)))
        self.assertEqual("", wanted.unmet(environment(SRIOV)))

    def pinned(self, devices: object) -> Request:
        return request(cpu_policy=CpuPolicy.DEDICATED, devices=devices)

    def after(self, candidate: HostCandidate, wanted: list[Request]) -> Iterator[HostCandidate]:
        """The host with all of these guests, in each way that Nova prefers or may choose."""
        if not wanted:
            yield candidate
            return
        first, *rest = wanted
        expected = candidate.expects(first)
        assert isinstance(expected, Placed), expected
        favourites = ranked(expected, candidate.layout, first, candidate.load, candidate.limits)
        self.assertTrue(favourites)
        for choice in expected.choices:
            yield from self.after(candidate.after(first, self.seen(choice)), rest)

    def seen(self, choice: Choice) -> Observation:
        devices = frozenset(
            device
            for supply in choice.pools
            for group, count in zip(supply.groups, min(supply.takes), strict=True)
            for device in sorted(group)[:count]
        )
        return Observation(
            tuple(
                InstanceNode(
                    fit.node,
                    dict(zip(sorted(fit.dedicated), sorted(fit.free), strict=False)),
                )
                for fit in choice.cells
            ),
            devices,
        )
