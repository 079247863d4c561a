# SPDX-License-Identifier: Apache-2.0
"""Several hosts, and several requests at once."""

import unittest

from tests.unit.asking import ALL, ARTICLE, SMT, guest, nic, on
from vhost_tempest_plugin.nova.expect import (
    HostCandidate,
    HostLoads,
    InstanceNode,
    Observation,
    Rejection,
    RequestOutcome,
    Shortage,
    order_differences,
    outcome_differences,
    possible_outcomes,
    refusal,
)
from vhost_tempest_plugin.nova.load import Load

ONE: HostLoads = {"one": HostCandidate(ARTICLE, ALL)}
TWO: HostLoads = {"one": HostCandidate(ARTICLE, ALL), "two": HostCandidate(SMT, ALL)}
FULL: HostLoads = {"one": HostCandidate(ARTICLE, ALL, load=Load(devices=on(ARTICLE, 0, 1, 2)))}
NO_HOST = Rejection(None, "No valid host was found.")


def seen(node: int, count: int = 1) -> Observation:
    devices = frozenset(sorted(on(ARTICLE, node))[:count])
    return Observation((InstanceNode(node),), devices)


class FleetTest(unittest.TestCase):
    def test_any_host_will_do(self) -> None:
        request = guest(devices=(nic(3),))
        expected = possible_outcomes(TWO, request)
        self.assertIsNone(refusal(expected))
        self.assertEqual(
            (), outcome_differences(expected, RequestOutcome(request, "one", seen(1, 3)))
        )
        (fact,) = outcome_differences(expected, RequestOutcome(request, None, NO_HOST))
        self.assertIn("one: it was refused", fact)
        (fact,) = outcome_differences(expected, RequestOutcome(request, "three", seen(1, 3)))
        self.assertIn("three", fact)
        self.assertNotEqual(
            (), outcome_differences(expected, RequestOutcome(request, "two", seen(1, 3)))
        )

    def test_none_will_do(self) -> None:
        request = guest(devices=(nic(4),))
        expected = possible_outcomes(TWO, request)
        found = refusal(expected)
        assert found is not None
        self.assertIs(Shortage.AFFINITY, found.reason)
        self.assertEqual((), outcome_differences(expected, RequestOutcome(request, None, NO_HOST)))

    def test_the_order_explains_it(self) -> None:
        """All devices of a node are gone for the one that was first asked for."""
        three = guest(devices=(nic(3),))
        placed = [RequestOutcome(three, "one", seen(node, 3)) for node in (2, 0, 1)]
        late = RequestOutcome(guest(devices=(nic(),)), None, NO_HOST)
        self.assertEqual((), order_differences(ONE, [late, *placed]))
        self.assertEqual((), order_differences(ONE, placed[:2]))

    def test_nothing_explains_it(self) -> None:
        one = guest(devices=(nic(),))
        self.assertIn("request 0", order_differences(ONE, [RequestOutcome(one, None, NO_HOST)])[0])
        self.assertNotEqual((), order_differences(FULL, [RequestOutcome(one, "one", seen(0))]))
        twice = [RequestOutcome(one, "one", seen(0)), RequestOutcome(one, "one", seen(0))]
        facts = order_differences(ONE, twice)
        self.assertTrue(any("another instance has" in fact for fact in facts))

    def test_many_at_once(self) -> None:
        one = guest(devices=(nic(),))
        outcomes = [
            RequestOutcome(one, "one", Observation((InstanceNode(node),), frozenset({device})))
            for node in (0, 1, 2)
            for device in on(ARTICLE, node)
        ]
        refused = [RequestOutcome(one, None, NO_HOST)] * 11
        self.assertEqual((), order_differences(ONE, [*refused, *outcomes]))
        self.assertNotEqual((), order_differences(ONE, [*refused, *outcomes[1:]]))
