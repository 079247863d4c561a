# SPDX-License-Identifier: Apache-2.0
"""What is expected of Nova is what its own code decides, or Nova is known to be wrong there."""

import dataclasses
import itertools
import unittest
from collections import Counter
from collections.abc import Iterator
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import hosts
from tests.oracle.case import Case, Json, seen
from tests.oracle.disagreement import disagreements, judged
from tests.oracle.generator import case
from tests.oracle.mistakes import MISTAKES
from tests.oracle.oracle import Oracle, running
from tests.unit import strategies
from vhost_tempest_plugin.lab.environment import environment, release
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import (
    Conflict,
    Expectation,
    Placed,
    Refused,
    Shortage,
    expectation,
    ranked,
)
from vhost_tempest_plugin.nova.load import Load
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import CpuPolicy, DeviceRequest, Request
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.devices import e1000e
from vhost_tempest_plugin.topology.layout import lay_out
from vhost_tempest_plugin.topology.model import CpuTopology, DeviceGroup, Host, NumaNode

REPAIRS = tuple(dict.fromkeys(mistake.repair for mistake in MISTAKES))
TOPOLOGIES = ("article", "lopsided", "single", "small", "smt", "sockets", "sriov", "wide")
CASES = 1700
REQUESTS = 5000
PLACED = 1000
ORDERS = 150
WAYS = 600

(NIC,) = pci_devices.kinds(e1000e.MODEL)

# Placed; and placed or not by the order in which Nova has the devices.
CERTAIN, OPEN = "certain", "open"


def made_up() -> Iterator[Case]:
    """The same ones each time; every third on a host of this package."""
    layouts = [catalog.find(name) for name in TOPOLOGIES]
    for number in range(CASES):
        random = Random(number)
        shipped = number % 3 == 0
        yield case(random, random.choice(layouts) if shipped else hosts.layout(random))


def _sort(expected: Expectation) -> str:
    if isinstance(expected, Refused):
        return expected.reason.name
    return CERTAIN if expected.certain else OPEN


class OracleTest(unittest.TestCase):
    oracle: Oracle

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        path = environment.obtain(release.find()).path
        layouts = [catalog.find(name) for name in TOPOLOGIES]
        cls.oracle = cls.enterClassContext(running(path, pci_devices.aliases(layouts)))

    def test_thousands_of_requests(self) -> None:
        met: Counter[str] = Counter()
        doubtful: list[tuple[Case, list[Json]]] = []
        for made, answers in self.oracle.answers_to(made_up()):
            verdicts = list(judged(made, answers))
            met.update(_sort(verdict.expected) for verdict in verdicts)
            if verdicts[-1].facts:
                doubtful.append((made, answers))
        for made, answers in doubtful:
            self.check(made, answers)
        self.assertGreaterEqual(met.total(), REQUESTS)
        self.assertGreater(met[CERTAIN], PLACED)
        outcomes = {CERTAIN, *(reason.name for reason in (*Conflict, *Shortage))}
        self.assertEqual(set(), outcomes - met.keys(), "none of these was tried")

    @settings(
        max_examples=60,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False), strategies.hosts())
    def test_hosts_of_all_sorts(self, random: Random, host: Host) -> None:
        made = case(random, lay_out(host))
        self.check(made, self.oracle.answers(made))

    def test_what_hangs_on_the_order_of_devices(self) -> None:
        """An alias of a looser policy is served first, and may take the only near device."""
        nic = DeviceGroup(e1000e.MODEL)
        node = NumaNode(0, frozenset({0}), 1024, ((0, 10),), devices=(nic,))
        host = Host("order", CpuTopology(1), (node,), (dataclasses.replace(nic, count=2),))
        devices = (
            DeviceRequest(NIC, 2, NumaPolicy.LEGACY),
            DeviceRequest(NIC, 1, NumaPolicy.REQUIRED),
        )
        request = Request(vcpus=1, memory_mib=64, nodes=1, devices=devices)
        layout = lay_out(host)
        placed = set()
        for device in layout.devices:
            made = Case(layout, (request,), first=frozenset({device.address}))
            (answer,) = self.oracle.answers(made)
            (verdict,) = judged(made, [answer])
            self.assertEqual((), verdict.facts)
            self.assertEqual(OPEN, _sort(verdict.expected))
            placed.add("nodes" in answer)
        self.assertEqual({True, False}, placed)

    def test_every_way_to_place_a_guest(self) -> None:
        """Nova takes those that are admitted, were they the only ones, and no others."""
        met: Counter[bool] = Counter()
        for number in range(WAYS):
            random = Random(f"way {number}")
            made = case(random, hosts.layout(random))
            expected = expectation(made.layout, made.requests[0], made.load, made.limits)
            if not isinstance(expected, Placed) or not expected.choices[0].cells:
                continue
            may = {choice.nodes for choice in expected.choices}
            must = {choice.nodes for choice in expected.choices if choice.certain}
            ways = self.oracle.ways(made)
            if not must <= ways <= may:
                ways = self.oracle.ways(made, REPAIRS)
            self.assertLessEqual(must, ways, made)
            self.assertLessEqual(ways, may, made)
            met[len(may) > 1] += 1
        self.assertGreater(met[True], WAYS // 10)

    def test_nova_may_take_whatever_is_admitted(self) -> None:
        """By the order of its list; nothing is admitted that cannot be."""
        tried: Counter[NumaPolicy] = Counter()
        for number in range(ORDERS):
            random = Random(f"order {number}")
            policy = random.choice(tuple(NumaPolicy))
            asked = DeviceRequest(NIC, random.choice((1, 2, 3, 4)), policy)
            layout, cpu_policy = hosts.layout(random), random.choice((None, CpuPolicy.DEDICATED))
            request = Request(1, 64, nodes=1, cpu_policy=cpu_policy, devices=(asked,))
            expected = expectation(layout, request, Load())
            if not isinstance(expected, Placed):
                continue
            (favourite, *_) = ranked(expected, layout, request, Load())
            (supply,) = favourite.pools
            for take in supply.takes:
                first = frozenset(
                    device
                    for group, count in zip(supply.groups, take, strict=True)
                    for device in sorted(group)[:count]
                )
                (answer,) = self.oracle.answers(Case(layout, (request,), first=first))
                self.assertEqual(sorted(map(str, first)), answer["devices"], (policy, layout.host))
                tried[policy] += 1
        self.assertTrue(all(tried[policy] > 10 for policy in NumaPolicy), tried)

    def test_what_nova_gets_wrong(self) -> None:
        for mistake in MISTAKES:
            with self.subTest(mistake.name):
                answers = self.oracle.answers(mistake.case)
                facts = disagreements(mistake.case, answers)
                self.assertTrue(facts, "Nova gets it right: drop the mistake and its repair")
                self.assertIn(mistake.fact, facts[0])
                repaired = self.oracle.answers(mistake.case, [mistake.repair])
                self.assertEqual([], disagreements(mistake.case, repaired))

    def check(self, made: Case, answers: list[Json]) -> None:
        """They agree, or do so once some of Nova's known mistakes are put right."""
        verdicts = list(judged(made, answers))
        if not verdicts[-1].facts:
            return
        sets = (itertools.combinations(REPAIRS, n) for n in range(1, len(REPAIRS) + 1))
        for repairs in itertools.chain.from_iterable(sets):
            if not disagreements(made, self.oracle.answers(made, repairs)):
                return
        number = len(verdicts) - 1
        self.fail(
            f"{verdicts[-1].facts}\n{made.requests[number]}\n{made.load}\n{made.limits}\n"
            f"{made.layout.host}\n{[seen(answer) for answer in answers]}"
        )
