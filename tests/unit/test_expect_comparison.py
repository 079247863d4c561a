# SPDX-License-Identifier: Apache-2.0
"""Whether what was seen is admitted, what Nova prefers of it, and what is left then."""

import dataclasses

from tests.unit.asking import (
    ALL,
    ARTICLE,
    DEDICATED,
    LOPSIDED,
    SMALL,
    SMT,
    CaseTest,
    guest,
    nic,
    on,
)
from vhost_tempest_plugin.nova.expect import (
    Conflict,
    InstanceNode,
    Limits,
    Observation,
    Placed,
    Refused,
    Rejection,
    admits,
    after,
    departures,
    expectation,
    ranked,
)
from vhost_tempest_plugin.nova.load import Load, NodeLoad
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import (
    CpuPolicy,
    EmulatorPolicy,
    ImageRequest,
    PageSize,
    Request,
    ThreadPolicy,
)
from vhost_tempest_plugin.topology.layout import Layout, lay_out
from vhost_tempest_plugin.topology.model import CpuTopology, Host, NumaNode

# The dedicated cores of its only node are {4, 5} and {6, 7}.
THREADS = lay_out(
    Host(
        "threads",
        CpuTopology(1, 4, 2),
        (NumaNode(0, frozenset(range(8)), 1024, ((0, 10),)),),
    )
)


class AdmissionTest(CaseTest):
    def check(
        self, layout: Layout, request: Request, seen: Observation | Rejection, *facts: str
    ) -> None:
        self.assertEqual(facts, admits(self.expect(layout, request), seen))

    def test_refusals(self) -> None:
        conflict = guest(
            pci_policy=NumaPolicy.LEGACY, image=ImageRequest(pci_policy=NumaPolicy.REQUIRED)
        )
        self.check(ARTICLE, conflict, Rejection(403))
        fact = "it was refused (HTTP 400: no), but must be with HTTP 403 (PCI_POLICIES: "
        fact += f"{Conflict.PCI_POLICIES.value})"
        self.check(ARTICLE, conflict, Rejection(400, "no"), fact)
        large = guest(nodes=4, vcpus=4)
        self.check(ARTICLE, large, Rejection())
        fact = "but must be with no valid host (NODES: 4 of 3)"
        self.check(ARTICLE, large, Rejection(400), f"it was refused (HTTP 400), {fact}")
        self.check(ARTICLE, large, Observation(), "it runs, but must be refused (NODES: 4 of 3)")
        fact = "it was refused (no valid host), but may be on 0 or 1 or 2"
        self.check(ARTICLE, guest(), Rejection(), fact)

    def test_what_hangs_on_chance_may_be_refused(self) -> None:
        taken = Load(devices=on(LOPSIDED, 2))
        devices = (nic(7, NumaPolicy.LEGACY),)
        certain = expectation(LOPSIDED, guest(devices=devices), taken, ALL)
        self.assertEqual(1, len(admits(certain, Rejection())))
        assert isinstance(certain, Placed)
        (choice,) = certain.choices
        (pools,) = choice.pools
        unsure = dataclasses.replace(pools, certain=False)
        choice = dataclasses.replace(choice, pools=(unsure,))
        self.assertEqual((), admits(dataclasses.replace(certain, choices=(choice,)), Rejection()))
        self.assertEqual(
            1, len(admits(dataclasses.replace(certain, choices=(choice,)), Rejection(400)))
        )

    def test_nodes(self) -> None:
        asked = guest(2, cpu_policy=DEDICATED)
        self.check(ARTICLE, asked, Observation((InstanceNode(1),)), "it is on 1, but may be on 0")
        self.check(
            ARTICLE,
            asked,
            Observation(),
            "it is on no node in particular, but may be on 0",
        )

    def test_pins(self) -> None:
        asked = guest(2, cpu_policy=DEDICATED)
        for pins, fact in (
            ({0: 2, 1: 3}, None),
            ({0: 3, 1: 2}, None),
            ({0: 2}, "pinned 0 to 2, but 0-1 must have CPUs of their own"),
            ({0: 2, 1: 2}, "pinned 0 to 2, 1 to 2, but 0-1 must have CPUs of their own"),
            ({}, "pinned is nothing, but 0-1 must have CPUs of their own"),
            ({0: 2, 1: 5}, "pinned to 2,5, but free are 2-3"),
        ):
            with self.subTest(pins=pins):
                facts = () if fact is None else (f"guest node 0 on node 0: {fact}",)
                self.check(ARTICLE, asked, Observation((InstanceNode(0, pins),)), *facts)

    def test_threads_of_one_core(self) -> None:
        asked = guest(2, cpu_policy=DEDICATED, thread_policy=ThreadPolicy.REQUIRE)
        self.check(THREADS, asked, Observation((InstanceNode(0, {0: 4, 1: 5}),)))
        self.check(
            THREADS,
            asked,
            Observation((InstanceNode(0, {0: 4, 1: 6}),)),
            "guest node 0 on node 0: pinned to 4,6, which are not threads of the same cores",
        )
        three = guest(3, cpu_policy=DEDICATED, thread_policy=ThreadPolicy.REQUIRE)
        self.check(THREADS, three, Observation((InstanceNode(0, {0: 4, 1: 5, 2: 7}),)))

    def test_floating(self) -> None:
        good = Observation((InstanceNode(0, floating=frozenset({0, 1})),))
        self.check(ARTICLE, guest(2), good)
        bad = Observation((InstanceNode(0, floating=frozenset({0, 1, 4})),))
        fact = "guest node 0 on node 0: floats over 0-1,4, but must over 0-1"
        self.check(ARTICLE, guest(2), bad, fact)

    def test_memory(self) -> None:
        asked = guest(page_size=PageSize.LARGE)
        for memory_mib, size, fact in (
            (64, 2048, None),
            (None, None, None),
            (63, 2048, "63 MiB, but must have 64"),
            (64, 4, "pages of 4 KiB, but may have 2048"),
        ):
            with self.subTest(memory=memory_mib, size=size):
                facts = () if fact is None else (f"guest node 0 on node 1: {fact}",)
                node = InstanceNode(1, memory_mib=memory_mib, page_size_kib=size)
                self.check(SMALL, asked, Observation((node,)), *facts)

    def test_emulator(self) -> None:
        for policy, cpus, fact in (
            (EmulatorPolicy.ISOLATE, {3}, None),
            (EmulatorPolicy.ISOLATE, {2}, "must have a CPU of its own of 3"),
            (EmulatorPolicy.ISOLATE, {2, 3}, "must have a CPU of its own of 3"),
            (EmulatorPolicy.SHARE, {0, 1, 4, 6}, None),
            (EmulatorPolicy.SHARE, {2}, "must be on 0-1,4,6"),
            (None, {2}, None),
            (None, {0, 1}, "must be on 2"),
        ):
            with self.subTest(policy=policy, cpus=cpus):
                asked = guest(cpu_policy=DEDICATED, emulator_policy=policy)
                seen = Observation((InstanceNode(0, {0: 2}),), emulator=frozenset(cpus))
                facts = admits(self.expect(ARTICLE, asked), seen)
                self.assertEqual(0 if fact is None else 1, len(facts), facts)
                self.assertTrue(fact is None or facts[0].endswith(fact), facts)

    def test_devices(self) -> None:
        asked = guest(devices=(nic(2),))
        here, there = sorted(on(ARTICLE, 0)), sorted(on(ARTICLE, 1))
        for devices, fact in (
            (here[:2], None),
            (here[1:], None),
            (here, "of e1000e it has 3 on its nodes, but must have 2 on its nodes"),
            (
                [here[0], there[0]],
                "of e1000e it has 1 on its nodes and 1 far away, but must have 2 on its nodes",
            ),
            ([], "of e1000e it has none, but must have 2 on its nodes"),
        ):
            with self.subTest(devices=devices):
                facts = () if fact is None else (fact,)
                self.check(
                    ARTICLE, asked, Observation((InstanceNode(0),), frozenset(devices)), *facts
                )
        self.check(
            ARTICLE,
            guest(),
            Observation((InstanceNode(0),), frozenset(here[:1])),
            f"it has {here[0]}, which it did not ask for or another instance has",
        )


class PreferenceTest(CaseTest):
    def first(
        self, layout: Layout, request: Request, load: Load | None = None, *, pack: bool = False
    ) -> tuple[int, ...]:
        limits = dataclasses.replace(ALL, pack=pack)
        expected = expectation(layout, request, load or Load(), limits)
        assert isinstance(expected, Placed), expected
        return ranked(expected, layout, request, load or Load(), limits)[0].nodes

    def test_guests_without_devices_leave_those_nodes_alone(self) -> None:
        self.assertEqual((0,), self.first(LOPSIDED, guest()))
        self.assertEqual((1,), self.first(LOPSIDED, guest(devices=(nic(),))))
        some = Load(devices=frozenset(sorted(on(ARTICLE, 1))[:1]))
        self.assertEqual((1,), self.first(ARTICLE, guest(), some))
        self.assertEqual((0,), self.first(ARTICLE, guest(devices=(nic(),)), some))

    def test_spread_and_pack(self) -> None:
        used = Load({0: NodeLoad(floating_vcpus=1), 1: NodeLoad(pinned=frozenset({5}))})
        self.assertEqual((1,), self.first(ARTICLE, guest(), used))
        self.assertEqual((0,), self.first(ARTICLE, guest(), used, pack=True))
        pinned = guest(cpu_policy=DEDICATED)
        self.assertEqual((0,), self.first(ARTICLE, pinned, used))
        self.assertEqual((2,), self.first(ARTICLE, pinned, used, pack=True))

    def test_memory_decides_between_equals(self) -> None:
        self.assertEqual((0,), self.first(ARTICLE, guest()))
        self.assertEqual((1,), self.first(ARTICLE, guest(), pack=True))

    def test_as_many_nodes_as_the_host(self) -> None:
        self.assertEqual((0, 1, 2), self.first(ARTICLE, guest(3, 192, 3), pack=True))

    def test_departures(self) -> None:
        asked = guest(page_size=PageSize.ANY)
        expected = self.expect(SMALL, asked)
        assert isinstance(expected, Placed)
        favourites = ranked(expected, SMALL, asked, Load(), ALL)
        for node, size, fact in (
            (0, 2048, None),
            (0, 4, "guest node 0 has not the largest pages, of 2048 KiB"),
            (1, 2048, "it is on 1, but Nova prefers 0"),
        ):
            facts = () if fact is None else (fact,)
            seen = Observation((InstanceNode(node, page_size_kib=size),))
            self.assertEqual((), admits(expected, seen))
            self.assertEqual(facts, departures(favourites, expected, seen))

    def test_siblings_are_preferred(self) -> None:
        asked = guest(2, cpu_policy=DEDICATED)
        expected = self.expect(THREADS, asked)
        assert isinstance(expected, Placed)
        favourites = ranked(expected, THREADS, asked, Load(), ALL)
        fact = "guest node 0 is not on threads of as few cores as it could be"
        for pins, facts in (({0: 4, 1: 5}, ()), ({0: 4, 1: 6}, (fact,))):
            seen = Observation((InstanceNode(0, pins),))
            self.assertEqual((), admits(expected, seen))
            self.assertEqual(facts, departures(favourites, expected, seen))


class UsageTest(CaseTest):
    def test_a_guest_is_added(self) -> None:
        asked = guest(
            3,
            128,
            2,
            node_cpus=(frozenset({0, 1}), frozenset({2})),
            node_memory_mib=(64, 64),
            cpu_policy=CpuPolicy.MIXED,
            dedicated_mask=frozenset({1, 2}),
            emulator_policy=EmulatorPolicy.ISOLATE,
            page_size=PageSize.ANY,
            devices=(nic(),),
        )
        (device, *_) = sorted(on(SMALL, 0))
        seen = Observation(
            (InstanceNode(0, {1: 2}, page_size_kib=2048), InstanceNode(1, {2: 5}, page_size_kib=4)),
            frozenset({device}),
            frozenset({3}),
        )
        self.assertEqual((), admits(self.expect(SMALL, asked), seen))
        load = after(Load(), asked, seen)
        self.assertEqual(
            Load(
                {
                    0: NodeLoad(frozenset({2, 3}), 1, 64, ((2048, 32),)),
                    1: NodeLoad(frozenset({5}), 0, 64, ((4, 16384),)),
                },
                frozenset({device}),
            ),
            load,
        )
        self.assertEqual((1, 128), (load.all_vcpus, load.all_memory_mib))

    def test_a_guest_without_nodes(self) -> None:
        load = after(Load(), guest(2, 100, nodes=None), Observation())
        self.assertEqual(Load(vcpus=2, memory_mib=100), load)

    def test_until_the_host_is_full(self) -> None:
        """Nine guests with a device of article's nine; the tenth is refused."""
        asked = guest(nodes=None, devices=(nic(),))
        load = Load()
        for _ in range(9):
            expected = expectation(ARTICLE, asked, load, Limits())
            assert isinstance(expected, Placed)
            (pools,) = expected.choices[0].pools
            load = after(load, asked, Observation((), frozenset({min(pools.groups[0])})))
        self.assertIsInstance(expectation(ARTICLE, asked, load, Limits()), Refused)
        self.assertEqual(on(ARTICLE, 0, 1, 2), load.devices)

    def test_smt_is_counted_by_thread(self) -> None:
        asked = guest(cpu_policy=DEDICATED)
        load = after(Load(), asked, Observation((InstanceNode(0, {0: 2}),)))
        again = expectation(SMT, asked, load, ALL)
        assert isinstance(again, Placed)
        self.assertEqual(frozenset({3}), again.choices[0].cells[0].free)
