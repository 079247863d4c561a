# SPDX-License-Identifier: Apache-2.0
"""Servers with CPUs of their own have them on the node of their devices.

nova/virt/hardware.py: ``_pack_instance_onto_cores``, ``numa_fit_instance_to_host``.
"""

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.requirement import local_devices, threads
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import Shortage
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, NumaPolicy
from vhost_tempest_plugin.nova.request import CpuPolicy, EmulatorPolicy, Request, ThreadPolicy
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requests.load_plans import placeable, rounds
from vhost_tempest_plugin.scenario.requests.node_capacity import NodeCapacity, capacities
from vhost_tempest_plugin.scenario.requests.server_requests import nics, request
from vhost_tempest_plugin.scenario.requires import requires

DEDICATED, MIXED = CpuPolicy.DEDICATED, CpuPolicy.MIXED
# What a node lacks that has devices, where others have CPUs or devices enough.
CPUS = (Shortage.DEDICATED_CPUS, Shortage.ONE_NODE, Shortage.AFFINITY)


def pinned(kind: DeviceKind, vcpus: int = 1) -> Request:
    """That many dedicated CPUs and a device."""
    return request(vcpus, cpu_policy=DEDICATED, devices=nics(kind))


def isolated(kind: DeviceKind) -> Request:
    """A CPU, one for the emulator, and a device."""
    return request(cpu_policy=DEDICATED, emulator_policy=EmulatorPolicy.ISOLATE, devices=nics(kind))


def mixed(
    kind: DeviceKind, vcpus: int = 2, nodes: int = 1, dedicated: frozenset[int] = frozenset({1})
) -> Request:
    """A server with some floating CPUs and some dedicated ones, and a device."""
    return request(vcpus, nodes, cpu_policy=MIXED, dedicated_mask=dedicated, devices=nics(kind))


class CpuTest(ScenarioTest):
    """Counts the CPUs."""

    def capacities(self) -> tuple[NodeCapacity, ...]:
        """The nodes of all hosts."""
        return capacities((host.layout for host in self.hosts.values()), self.kind)

    def most(self) -> int:
        """How many dedicated CPUs a node with devices has at most."""
        return max(node.dedicated for node in self.capacities() if node.devices)


class DedicatedTest(CpuTest):
    """``hw:cpu_policy=dedicated``."""

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("a4f0b8c1-5d37-4e0b-9a52-0c7d6e1f2b31")
    @requires(placeable("a dedicated CPU and a device", pinned))
    def test_all_dedicated_cpus_of_the_node_of_a_device(self) -> None:
        self.place(pinned(self.kind, self.most()), console=True)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("0b9e6f53-7c1a-4d8e-b3f4-2a5c8d9e0f32")
    @requires(placeable("a dedicated CPU and a device", pinned))
    def test_more_dedicated_cpus_than_nodes_with_devices_have(self) -> None:
        count = self.most() + 1
        self.refused(pinned(self.kind, count), *CPUS)
        loose = self.nics(1, NumaPolicy.PREFERRED)
        self.attempt(request(count, cpu_policy=DEDICATED, devices=loose))

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("c83d5e7a-1f64-4b92-8d0e-6b3f7a2c9e33")
    @requires(placeable("a dedicated CPU and a device", pinned))
    def test_guests_without_devices_have_taken_the_cpus(self) -> None:
        """Then devices are free, but only servers with floating CPUs can have them."""
        counts = [node.dedicated for node in self.capacities() if node.dedicated]
        takers = (request(count, cpu_policy=DEDICATED) for count in counts)
        for equal in rounds(takers, lambda each: each.vcpus):
            self.place_all(*equal)
        self.refused(pinned(self.kind), Shortage.DEDICATED_CPUS)
        self.place(request(devices=self.nics()))

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("5e2a9c4f-8b70-4f16-a3d9-7e1b0c6d4f34")
    @requires(
        placeable(
            "a server of two nodes with a dedicated CPU each, and a device",
            lambda kind: request(2, 2, cpu_policy=DEDICATED, devices=nics(kind)),
        )
    )
    def test_dedicated_cpus_on_two_nodes(self) -> None:
        self.place(request(2, 2, cpu_policy=DEDICATED, devices=self.nics()), console=True)


class MixedTest(CpuTest):
    """``hw:cpu_policy=mixed``: some CPUs are dedicated, the others float."""

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("7d4b1e90-3c5f-4a28-9e67-d2f8a0b1c535")
    @requires(placeable("a floating CPU, a dedicated one and a device", mixed))
    def test_on_the_node_of_a_device(self) -> None:
        self.place(mixed(self.kind), console=True)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("e6c2a8d5-9b1f-4730-8c4e-5f0d7b3a1e36")
    @requires(
        placeable(
            "a server of two nodes with a floating CPU and a dedicated one each, and a device",
            lambda kind: mixed(kind, 4, 2, frozenset({1, 3})),
        )
    )
    def test_on_two_nodes_alike(self) -> None:
        """As whitebox's symmetric_multi_numa."""
        self.place(mixed(self.kind, 4, 2, frozenset({1, 3})), console=True)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("1f8d3b6c-0a5e-4c91-b7f2-9d4e6a8c0b37")
    @requires(
        placeable(
            "a server of two nodes, one with a dedicated CPU, and a device",
            lambda kind: mixed(kind, 2, 2),
        )
    )
    def test_on_two_nodes_of_which_one_has_no_dedicated_cpu(self) -> None:
        """As whitebox's asymmetric_multi_numa."""
        self.place(mixed(self.kind, 2, 2))

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("94b7e0a3-6d2c-4f58-8a1e-c3d5f9b07e38")
    @requires(placeable("a floating CPU, a dedicated one and a device", mixed))
    def test_more_dedicated_cpus_than_nodes_with_devices_have(self) -> None:
        count = self.most() + 1
        asked = mixed(self.kind, 1 + count, dedicated=frozenset(range(1, 1 + count)))
        self.refused(asked, *CPUS)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("faa75922-600a-4fba-b922-45c51ef2d9f5")
    @requires(placeable("a floating CPU, a dedicated one and a device", mixed))
    def test_more_floating_cpus_than_any_node_has(self) -> None:
        """They float over each other nowhere (bug 1898272)."""
        layouts = [host.layout for host in self.hosts.values()]
        most = max(
            len(node.cpus & pci_devices.cpu_sets(layout).shared)
            for layout in layouts
            for node in layout.host.nodes
        )
        self.refused(mixed(self.kind, most + 2, dedicated=frozenset({0})))


class EmulatorTest(CpuTest):
    """``hw:emulator_threads_policy``: a CPU more, or none."""

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("b25f7c18-4e9d-4063-9f7a-0e8c1d6b3a39")
    @requires(placeable("a dedicated CPU, one for the emulator and a device", isolated))
    def test_isolated(self) -> None:
        self.place(isolated(self.kind), console=True)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("6c0e9d4b-7f3a-4815-a2e6-8b5d1f0c7e40")
    @requires(placeable("a dedicated CPU and a device", pinned))
    def test_isolated_with_no_cpu_left(self) -> None:
        """As many dedicated CPUs as there are leave none for the emulator."""
        asked = request(
            self.most(),
            cpu_policy=DEDICATED,
            emulator_policy=EmulatorPolicy.ISOLATE,
            devices=self.nics(),
        )
        self.refused(asked, *CPUS)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("d91a5f06-2b8c-4e7d-8f30-a6c4e2b7d141")
    @requires(placeable("a dedicated CPU and a device", pinned))
    def test_shared(self) -> None:
        asked = request(
            self.most(),
            cpu_policy=DEDICATED,
            emulator_policy=EmulatorPolicy.SHARE,
            devices=self.nics(),
        )
        self.place(asked)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("38e6b0d7-c4f1-4a95-b08d-f7a2c9e5d342")
    @requires(
        placeable(
            "two nodes with a dedicated CPU each and one for the emulator, and a device",
            lambda kind: request(
                2,
                2,
                cpu_policy=DEDICATED,
                emulator_policy=EmulatorPolicy.ISOLATE,
                devices=nics(kind),
            ),
        )
    )
    def test_isolated_beside_the_first_of_two_nodes(self) -> None:
        asked = request(
            2,
            2,
            cpu_policy=DEDICATED,
            emulator_policy=EmulatorPolicy.ISOLATE,
            devices=self.nics(),
        )
        self.place(asked)


class ThreadTest(CpuTest):
    """``hw:cpu_thread_policy``: what a dedicated CPU may share its core with."""

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("f0b3d8e2-5a7c-4196-8e4f-1c9d6a0b7e43")
    @requires(placeable("a dedicated CPU and a device", pinned))
    def test_each_policy(self) -> None:
        """Which of them a host can have depends on how many threads its cores have."""
        for policy in ThreadPolicy:
            asked = request(
                self.most(), cpu_policy=DEDICATED, thread_policy=policy, devices=self.nics()
            )
            self.attempt(asked)
            self.delete(*self.servers)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("27c9f4a6-8d0b-4e53-9b6c-e5f1a3d8c044")
    @requires(threads(2), placeable("two dedicated CPUs and a device", lambda k: pinned(k, 2)))
    def test_threads_of_one_core(self) -> None:
        """A core of which a thread is taken is none for a server that wants whole ones."""
        whole = request(
            2, cpu_policy=DEDICATED, thread_policy=ThreadPolicy.REQUIRE, devices=self.nics()
        )
        self.place(pinned(self.kind))
        self.attempt(whole)
        self.attempt(whole)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("4d7e1b9a-0c6f-4825-b3d8-a9f2e5c7b046")
    @requires(local_devices(1), placeable("a dedicated CPU and a device", pinned))
    def test_isolated_threads_beside_others(self) -> None:
        """Where cores have one thread, ``isolate`` asks for nothing more."""
        alone = request(
            cpu_policy=DEDICATED, thread_policy=ThreadPolicy.ISOLATE, devices=self.nics()
        )
        self.attempt(alone)
        self.attempt(pinned(self.kind))
