# SPDX-License-Identifier: Apache-2.0
"""Where guests may be; ``tests/functional/test_oracle.py`` asks Nova the same."""

import dataclasses
from typing import Any

from tests.unit.asking import (
    ALL,
    ARTICLE,
    DEDICATED,
    LOPSIDED,
    SMALL,
    SMT,
    SOCKETS,
    SRIOV,
    CaseTest,
    guest,
    nic,
    on,
    places,
)
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import (
    Conflict,
    InstanceNode,
    Limits,
    Observation,
    Refused,
    Shortage,
    admits,
    expectation,
)
from vhost_tempest_plugin.nova.load import Load, NodeLoad
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import (
    CpuPolicy,
    DeviceRequest,
    EmulatorPolicy,
    ImageRequest,
    PageSize,
    ThreadPolicy,
)
from vhost_tempest_plugin.topology.devices import igb


class AffinityTest(CaseTest):
    def test_the_two_core_cases(self) -> None:
        """test_create_server_with_pci_dev_and_numa and _and_numa_fails, with Nova's policies."""
        asked = guest(cpu_policy=DEDICATED, devices=(nic(1, NumaPolicy.LEGACY),))
        taken = Load(devices=on(ARTICLE, 1, 2))
        self.assertEqual({(0,)}, places(self.expect(ARTICLE, asked, taken)))
        full = Load({0: NodeLoad(pinned=frozenset({2, 3}))}, taken.devices)
        self.refused(ARTICLE, asked, Shortage.AFFINITY, full)

    def test_policies_with_local_devices_gone(self) -> None:
        """A guest that must be on node 0 of lopsided, which has no device at all."""
        allowed = {
            NumaPolicy.REQUIRED: None,
            NumaPolicy.SOCKET: None,
            NumaPolicy.LEGACY: on(LOPSIDED, None),
            NumaPolicy.PREFERRED: on(LOPSIDED, None),
        }
        for policy, devices in allowed.items():
            with self.subTest(policy=policy):
                asked = guest(memory_mib=1500, devices=(nic(1, policy),))
                if devices is None:
                    self.refused(LOPSIDED, asked, Shortage.AFFINITY)
                    continue
                expected = self.expect(LOPSIDED, asked)
                self.assertEqual({(0,)}, places(expected))
                for row in pci_devices.expected_devices(LOPSIDED):
                    seen = Observation((InstanceNode(0),), frozenset({row.address}))
                    self.assertEqual(row.address in devices, not admits(expected, seen), row)

    def test_near_devices_go_first(self) -> None:
        """Node 1 of lopsided has six, one more is on no node."""
        for policy in NumaPolicy:
            with self.subTest(policy=policy):
                expected = self.expect(LOPSIDED, guest(devices=(nic(2, policy),)))
                near, (nodeless,) = sorted(on(LOPSIDED, 1)), on(LOPSIDED, None)
                good = Observation((InstanceNode(1),), frozenset(near[:2]))
                self.assertEqual((), admits(expected, good))
                bad = Observation((InstanceNode(1),), frozenset({near[0], nodeless}))
                self.assertEqual(1, len(admits(expected, bad)))

    def test_preferred_goes_far_when_it_must(self) -> None:
        asked = guest(memory_mib=1500, devices=(nic(2, NumaPolicy.PREFERRED),))
        expected = self.expect(LOPSIDED, asked)
        (nodeless,), far = on(LOPSIDED, None), sorted(on(LOPSIDED, 1))
        near_first = Observation((InstanceNode(0),), frozenset({nodeless, far[0]}))
        self.assertEqual((), admits(expected, near_first))
        not_at_all = Observation((InstanceNode(0),), frozenset(far[:2]))
        self.assertEqual(
            ("of e1000e it has 2 far away, but must have 1 on no node and 1 far away",),
            admits(expected, not_at_all),
        )

    def test_socket(self) -> None:
        """Node 1 of sockets has no device; node 0, in its socket, has."""
        asked = guest(devices=(nic(1, NumaPolicy.SOCKET),))
        self.assertEqual({(0,), (1,), (2,), (3,)}, places(self.expect(SOCKETS, asked)))
        expected = self.expect(SOCKETS, asked)
        for node in range(4):
            for device in on(SOCKETS, 0, 2):
                near = device in on(SOCKETS, 2 * (node // 2))
                seen = Observation((InstanceNode(node),), frozenset({device}))
                self.assertEqual(near, not admits(expected, seen), (node, device))
        gone = Load(devices=on(SOCKETS, 0))
        self.assertEqual({(2,), (3,)}, places(self.expect(SOCKETS, asked, gone)))

    def test_socket_means_nothing_where_a_node_has_several(self) -> None:
        """Each CPU of article is a socket."""
        asked = guest(devices=(nic(1, NumaPolicy.SOCKET),))
        taken = Load(devices=on(ARTICLE, 0, 1))
        self.assertEqual({(2,)}, places(self.expect(ARTICLE, asked, taken)))

    def test_a_guest_of_several_nodes(self) -> None:
        asked = guest(2, 128, 2, devices=(nic(6),))
        self.assertEqual(
            {(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)}, places(self.expect(ARTICLE, asked))
        )
        some = Load(devices=frozenset(sorted(on(ARTICLE, 2))[:1]))
        self.assertEqual({(0, 1), (1, 0)}, places(self.expect(ARTICLE, asked, some)))
        self.refused(ARTICLE, guest(2, 128, 2, devices=(nic(7),)), Shortage.AFFINITY)
        self.refused(ARTICLE, guest(4, 256, 4), Shortage.NODES)

    def test_without_nodes_any_device_will_do(self) -> None:
        asked = guest(nodes=None, devices=(nic(9),))
        expected = self.expect(ARTICLE, asked)
        self.assertEqual({()}, places(expected))
        self.assertEqual((), admits(expected, Observation((), on(ARTICLE, 0, 1, 2))))
        self.refused(ARTICLE, guest(nodes=None, devices=(nic(5), nic(5))), Shortage.DEVICES)

    def test_whose_policy_counts(self) -> None:
        far = guest(memory_mib=1500, devices=(nic(),), pci_policy=NumaPolicy.PREFERRED)
        self.assertEqual({(0,)}, places(self.expect(LOPSIDED, far)))
        by_image = dataclasses.replace(
            far, pci_policy=None, image=ImageRequest(pci_policy=NumaPolicy.PREFERRED)
        )
        self.assertEqual({(0,)}, places(self.expect(LOPSIDED, by_image)))
        strict = dataclasses.replace(
            far, devices=(nic(1, NumaPolicy.PREFERRED),), pci_policy=NumaPolicy.REQUIRED
        )
        self.refused(LOPSIDED, strict, Shortage.AFFINITY)
        both = dataclasses.replace(strict, image=by_image.image)
        self.refused(LOPSIDED, both, Conflict.PCI_POLICIES)

    def test_virtual_functions_and_others(self) -> None:
        vf = DeviceRequest(pci_devices.kinds(igb.MODEL)[1], 4)
        self.assertEqual({(0,), (1,)}, places(self.expect(SRIOV, guest(devices=(vf, nic())))))
        self.refused(SRIOV, guest(devices=(vf, nic(2))), Shortage.AFFINITY)
        self.refused(SRIOV, guest(devices=(vf, dataclasses.replace(vf, count=5))), Shortage.DEVICES)

    def test_aliases_take_from_each_other_in_order(self) -> None:
        """One near device: the looser alias is served from it if it comes first."""
        taken = Load(devices=frozenset(sorted(on(ARTICLE, 0))[1:]) | on(ARTICLE, 1))
        loose, strict = nic(1, NumaPolicy.PREFERRED), nic(1)
        wide = guest(2, 2100, devices=(strict, loose))
        self.assertEqual({(0,)}, places(self.expect(ARTICLE, wide, taken)))
        other = dataclasses.replace(wide, devices=(loose, strict))
        self.refused(ARTICLE, other, Shortage.AFFINITY, taken)


class CpuTest(CaseTest):
    """Of article's CPUs 2, 3, 5 and 7 are dedicated, 0, 1, 4 and 6 shared."""

    def test_dedicated(self) -> None:
        self.assertEqual({(0,)}, places(self.expect(ARTICLE, guest(2, cpu_policy=DEDICATED))))
        self.refused(ARTICLE, guest(3, cpu_policy=DEDICATED), Shortage.DEDICATED_CPUS)
        pinned = Load({0: NodeLoad(pinned=frozenset({2}))})
        one = guest(cpu_policy=DEDICATED)
        self.assertEqual({(0,), (1,), (2,)}, places(self.expect(ARTICLE, one, pinned)))
        self.refused(ARTICLE, guest(2, cpu_policy=DEDICATED), Shortage.DEDICATED_CPUS, pinned)

    def test_emulator_has_a_cpu_beside_guest_node_0(self) -> None:
        asked = guest(2, 128, 2, cpu_policy=DEDICATED, emulator_policy=EmulatorPolicy.ISOLATE)
        self.assertEqual({(0, 1), (0, 2)}, places(self.expect(ARTICLE, asked)))

    def test_mixed(self) -> None:
        asked = guest(3, cpu_policy=CpuPolicy.MIXED, dedicated_mask=frozenset({1}))
        self.assertEqual({(0,)}, places(self.expect(ARTICLE, asked)))
        four = guest(4, cpu_policy=CpuPolicy.MIXED, dedicated_mask=frozenset({1}))
        self.refused(ARTICLE, four, Shortage.FLOATING_CPUS)

    def test_floating_cpus_are_promised_more_than_once(self) -> None:
        asked = guest(2)
        some = Load({0: NodeLoad(floating_vcpus=6)})
        self.assertEqual({(0,)}, places(self.expect(ARTICLE, asked, some)))
        more = Load({0: NodeLoad(floating_vcpus=7)})
        self.refused(ARTICLE, asked, Shortage.FLOATING_CPUS, more)
        anywhere = guest(4, nodes=None)
        self.assertEqual({()}, places(self.expect(ARTICLE, anywhere, Load(vcpus=12))))
        self.refused(ARTICLE, anywhere, Shortage.VCPUS, Load(vcpus=13))

    def test_threads(self) -> None:
        """Of smt's cores 1 and 3 are dedicated, one on each node."""
        for policy, layout, fits in (
            (ThreadPolicy.REQUIRE, SMT, True),
            (ThreadPolicy.REQUIRE, ARTICLE, False),
            (ThreadPolicy.PREFER, SMT, True),
            (ThreadPolicy.PREFER, ARTICLE, True),
            (ThreadPolicy.ISOLATE, SMT, False),
            (ThreadPolicy.ISOLATE, ARTICLE, True),
        ):
            with self.subTest(policy=policy, host=layout.host.name):
                asked = guest(2, cpu_policy=DEDICATED, thread_policy=policy)
                if fits:
                    self.assertIn((0,), places(self.expect(layout, asked)))
                elif layout is SMT:
                    self.refused(layout, asked, Shortage.THREADS)
                else:
                    self.refused(layout, asked, Shortage.ONE_NODE)

    def test_half_a_core_is_no_core(self) -> None:
        half = Load({0: NodeLoad(pinned=frozenset({2})), 1: NodeLoad(pinned=frozenset({6}))})
        asked = guest(cpu_policy=DEDICATED, thread_policy=ThreadPolicy.REQUIRE)
        self.refused(SMT, asked, Shortage.THREADS, half)
        prefers = dataclasses.replace(asked, thread_policy=ThreadPolicy.PREFER)
        self.assertEqual({(0,), (1,)}, places(self.expect(SMT, prefers, half)))

    def test_what_a_node_of_a_guest_is_refused_for(self) -> None:
        """Each node lacks something else."""
        pinned = Load({0: NodeLoad(pinned=frozenset({2, 3}))})
        self.refused(ARTICLE, guest(2, 3000, cpu_policy=DEDICATED), Shortage.ONE_NODE, pinned)
        two = guest(4, 128, 2)
        self.refused(ARTICLE, two, Shortage.SEPARATE_NODES)


class MemoryTest(CaseTest):
    """Of small's nodes each has 64 pages of 2 MiB."""

    def test_pages(self) -> None:
        for size, fits in (
            (2048, True),
            (PageSize.LARGE, True),
            (PageSize.SMALL, True),
            (PageSize.ANY, True),
            (1048576, False),
        ):
            with self.subTest(size=size):
                asked = guest(page_size=size)
                if fits:
                    self.assertEqual({(0,), (1,), (2,)}, places(self.expect(SMALL, asked)))
                else:
                    self.refused(SMALL, asked, Shortage.PAGES)

    def test_pages_are_whole_and_free(self) -> None:
        self.refused(SMALL, guest(memory_mib=65, page_size=2048), Shortage.PAGES)
        self.refused(SMALL, guest(memory_mib=130, page_size=2048), Shortage.PAGES)
        used = Load({node: NodeLoad(pages=((2048, 33),)) for node in (0, 2)})
        asked = guest(page_size=2048)
        self.assertEqual({(1,)}, places(self.expect(SMALL, asked, used)))

    def test_small_pages_are_what_huge_ones_leave(self) -> None:
        self.assertEqual({(0,)}, places(self.expect(SMALL, guest(memory_mib=1920))))
        self.refused(SMALL, guest(memory_mib=1921), Shortage.MEMORY)

    def test_pinned_guests_get_memory_once(self) -> None:
        used = Load({0: NodeLoad(memory_mib=1000, pages=((4, 256000),))})
        twice = dataclasses.replace(ALL, ram_ratio=2.0)
        asked = guest(memory_mib=1900)
        self.assertEqual({(0,)}, places(expectation(SMALL, asked, used, twice)))
        pinned = dataclasses.replace(asked, cpu_policy=DEDICATED)
        refusal = expectation(SMALL, pinned, used, twice)
        self.assertEqual(Shortage.MEMORY, refusal.reason if isinstance(refusal, Refused) else None)
        self.refused(SMALL, asked, Shortage.MEMORY, used)

    def test_whole_host(self) -> None:
        asked = guest(memory_mib=3500, nodes=None)
        self.assertEqual({()}, places(self.expect(SMALL, asked)))
        self.refused(SMALL, asked, Shortage.TOTAL_MEMORY, Load(memory_mib=700))
        refusal = expectation(SMALL, asked, Load(), Limits(reserved_mib=600))
        self.assertIsInstance(refusal, Refused)

    def test_measured_memory(self) -> None:
        """The kernel has kept some of it."""
        asked = guest(memory_mib=1900)
        refusal = expectation(SMALL, asked, Load(), ALL, {0: 2000 * 1024})
        self.assertEqual(Shortage.MEMORY, refusal.reason if isinstance(refusal, Refused) else None)


class ConflictTest(CaseTest):
    def test_each(self) -> None:
        one, two = frozenset({0}), frozenset({0, 1})
        image = ImageRequest
        for conflict, words in {
            Conflict.CPU_POLICIES: {
                "cpu_policy": CpuPolicy.SHARED,
                "image": image(cpu_policy=DEDICATED),
            },
            Conflict.THREAD_POLICIES: {
                "cpu_policy": DEDICATED,
                "thread_policy": ThreadPolicy.REQUIRE,
                "image": image(thread_policy=ThreadPolicy.ISOLATE),
            },
            Conflict.PCI_POLICIES: {
                "pci_policy": NumaPolicy.LEGACY,
                "image": image(pci_policy=NumaPolicy.REQUIRED),
            },
            Conflict.NODE_COUNTS: {"nodes": 1, "image": image(nodes=1)},
            Conflict.PAGE_SIZES: {"image": image(page_size=PageSize.LARGE)},
            Conflict.DEDICATED_MASK: {"cpu_policy": CpuPolicy.MIXED, "dedicated_mask": two},
            Conflict.THREADS_OF_SHARED: {"thread_policy": ThreadPolicy.PREFER},
            Conflict.EMULATOR_OF_SHARED: {"emulator_policy": EmulatorPolicy.ISOLATE},
            Conflict.MASK_WITHOUT_MIXED: {"cpu_policy": DEDICATED, "dedicated_mask": one},
            Conflict.MIXED_WITHOUT_MASK: {"cpu_policy": CpuPolicy.MIXED},
            Conflict.UNEVEN_NODES: {"nodes": 3},
            Conflict.HALF_DESCRIBED_NODES: {"nodes": 1, "node_cpus": (two,)},
            Conflict.CPU_BEYOND: {"node_cpus": (two | {2},), "node_memory_mib": (64,)},
            Conflict.CPU_TWICE: {"nodes": 2, "node_cpus": (two, one), "node_memory_mib": (32, 32)},
            Conflict.CPU_LEFT_OUT: {"node_cpus": (one,), "node_memory_mib": (64,)},
            Conflict.MEMORY_SUM: {"node_cpus": (two,), "node_memory_mib": (63,)},
            Conflict.UNKNOWN_ALIAS: {"devices": (DeviceRequest(None, name="nobody"),)},
        }.items():
            with self.subTest(conflict):
                asked: dict[str, Any] = {"nodes": None, **words}
                if "node_cpus" in words:
                    asked["nodes"] = words.get("nodes", 1)
                self.refused(ARTICLE, guest(2, 64, **asked), conflict)

    def test_what_an_image_may_say(self) -> None:
        for words in (
            {"page_size": PageSize.ANY, "image": ImageRequest(page_size=PageSize.SMALL)},
            {"cpu_policy": DEDICATED, "image": ImageRequest(cpu_policy=CpuPolicy.SHARED)},
            {
                "cpu_policy": DEDICATED,
                "thread_policy": ThreadPolicy.PREFER,
                "image": ImageRequest(thread_policy=ThreadPolicy.REQUIRE),
            },
        ):
            self.assertIn((0,), places(self.expect(ARTICLE, guest(2, **words))))

    def test_a_flavor_that_prefers_threads_is_not_overruled(self) -> None:
        asked = guest(
            2,
            cpu_policy=DEDICATED,
            thread_policy=ThreadPolicy.PREFER,
            image=ImageRequest(thread_policy=ThreadPolicy.ISOLATE),
        )
        self.assertEqual({(0,), (1,)}, places(self.expect(SMT, asked)))

    def test_what_the_api_answers(self) -> None:
        self.assertEqual(403, Conflict.PCI_POLICIES.http_status)
        self.assertEqual(400, Conflict.UNKNOWN_ALIAS.http_status)
