# SPDX-License-Identifier: Apache-2.0
"""Several hosts, and several requests at once."""

import unittest

from tests.unit.asking import ALL, ARTICLE, SMT, guest, nic, on
from vhost_tempest_plugin.nova.expect import (
    Candidate,
    Fleet,
    GuestNode,
    Lack,
    Observation,
    Outcome,
    Rejection,
    explained,
    judged,
    outlook,
    refusal,
)
from vhost_tempest_plugin.nova.load import Load

ONE: Fleet = {"one": Candidate(ARTICLE, ALL)}
TWO: Fleet = {"one": Candidate(ARTICLE, ALL), "two": Candidate(SMT, ALL)}
FULL: Fleet = {"one": Candidate(ARTICLE, ALL, load=Load(devices=on(ARTICLE, 0, 1, 2)))}
NO_HOST = Rejection(None, "No valid host was found.")


def seen(node: int, count: int = 1) -> Observation:
    devices = frozenset(sorted(on(ARTICLE, node))[:count])
    return Observation((GuestNode(node),), devices)


class FleetTest(unittest.TestCase):
    def test_any_host_will_do(self) -> None:
        request = guest(devices=(nic(3),))
        expected = outlook(TWO, request)
        self.assertIsNone(refusal(expected))
        self.assertEqual((), judged(expected, Outcome(request, "one", seen(1, 3))))
        (fact,) = judged(expected, Outcome(request, None, NO_HOST))
        self.assertIn("one: it was refused", fact)
        (fact,) = judged(expected, Outcome(request, "three", seen(1, 3)))
        self.assertIn("three", fact)
        self.assertNotEqual((), judged(expected, Outcome(request, "two", seen(1, 3))))

    def test_none_will_do(self) -> None:
        request = guest(devices=(nic(4),))
        expected = outlook(TWO, request)
        found = refusal(expected)
        assert found is not None
        self.assertIs(Lack.AFFINITY, found.reason)
        self.assertEqual((), judged(expected, Outcome(request, None, NO_HOST)))

    def test_the_order_explains_it(self) -> None:
        """All devices of a node are gone for the one that was first asked for."""
        three = guest(devices=(nic(3),))
        placed = [Outcome(three, "one", seen(node, 3)) for node in (2, 0, 1)]
        late = Outcome(guest(devices=(nic(),)), None, NO_HOST)
        self.assertEqual((), explained(ONE, [late, *placed]))
        self.assertEqual((), explained(ONE, placed[:2]))

    def test_nothing_explains_it(self) -> None:
        one = guest(devices=(nic(),))
        self.assertIn("request 0", explained(ONE, [Outcome(one, None, NO_HOST)])[0])
        self.assertNotEqual((), explained(FULL, [Outcome(one, "one", seen(0))]))
        twice = [Outcome(one, "one", seen(0)), Outcome(one, "one", seen(0))]
        self.assertTrue(any("another guest has" in fact for fact in explained(ONE, twice)))

    def test_many_at_once(self) -> None:
        one = guest(devices=(nic(),))
        outcomes = [
            Outcome(one, "one", Observation((GuestNode(node),), frozenset({device})))
            for node in (0, 1, 2)
            for device in on(ARTICLE, node)
        ]
        refused = [Outcome(one, None, NO_HOST)] * 11
        self.assertEqual((), explained(ONE, [*refused, *outcomes]))
        self.assertNotEqual((), explained(ONE, [*refused, *outcomes[1:]]))
