# SPDX-License-Identifier: Apache-2.0
"""What Nova decides wrongly of CPUs and memory; ``tests/oracle/README.rst`` says why.

Expected failures: where Nova puts one right, the test says so by its unexpected success.
"""

import re

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.requirement import HardwareRequirement, TestEnvironment
from vhost_tempest_plugin.nova.expect import Placed, expectation, possible_outcomes
from vhost_tempest_plugin.nova.expect.preference import order
from vhost_tempest_plugin.nova.load import Load
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, NumaPolicy
from vhost_tempest_plugin.nova.request import (
    CpuPolicy,
    EmulatorPolicy,
    ImageRequest,
    Request,
    ThreadPolicy,
)
from vhost_tempest_plugin.nova.views import Disagreement, View
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requests.load_plans import placeable
from vhost_tempest_plugin.scenario.requests.server_requests import nics, request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.topology.layout import Layout

_WHERE = "tests/oracle/README.rst"


def floating_first(
    kind: DeviceKind,
    emulator_policy: EmulatorPolicy | None = None,
    thread_policy: ThreadPolicy | None = None,
) -> Request:
    """A server of two nodes, of which the second one's CPU is dedicated, and a device."""
    return request(
        nodes=2,
        cpu_policy=CpuPolicy.MIXED,
        dedicated_mask=frozenset({1}),
        emulator_policy=emulator_policy,
        thread_policy=thread_policy,
        devices=nics(kind),
    )


def large_last(layout: Layout) -> Request | None:
    """A server of three nodes, of which the last has room only on the node that is tried first.

    None where the host has no such node.
    """
    if len(layout.host.nodes) < 3:
        return None
    first, second, *_ = sorted((node.memory_mib for node in layout.host.nodes), reverse=True)
    large_mib = second + (first - second) // 8
    asked = request(
        nodes=3,
        node_cpus=tuple(frozenset({cpu}) for cpu in range(3)),
        node_memory_mib=(64, 64, large_mib),
        memory_mib=64 + 64 + large_mib,
        cpu_policy=CpuPolicy.DEDICATED,
    )
    expected = expectation(layout, asked, Load())
    tried = order(layout, asked, Load())[0]
    if not isinstance(expected, Placed) or {each.nodes[2] for each in expected.choices} != {tried}:
        return None
    return asked


def one_thread() -> HardwareRequirement:
    """A host with cores of one thread."""

    def found(environment: TestEnvironment) -> int:
        return sum(layout.host.cpus.threads == 1 for layout in environment.layouts)

    return HardwareRequirement("a host with one thread a core", 1, found)


def large_last_matters() -> HardwareRequirement:
    """A host for such a server."""

    def found(environment: TestEnvironment) -> int:
        return sum(large_last(layout) is not None for layout in environment.layouts)

    return HardwareRequirement("a host of three nodes whose first is the largest", 1, found)


def unpinned(asked: Request) -> tuple[str, ...]:
    """The facts that the CPU of a request's last node floats: by the views, and by the topology."""
    last = len(asked.node_cpus) - 1
    (cpu,) = asked.node_cpus[last]
    amounts = (
        Disagreement(
            "PCPU", {View.LIBVIRT: str(asked.vcpus - 1), View.PLACEMENT: str(asked.vcpus)}
        ),
        Disagreement("VCPU", {View.LIBVIRT: "1", View.PLACEMENT: "0"}),
    )
    return (
        *(rf"server \d+ after boot: {re.escape(str(amount))}" for amount in amounts),
        rf"request 0: guest node {last} on node \d+: "
        rf"pinned is nothing, but {cpu} must have CPUs of their own",
        r"request 0: its emulator is on [\d,-]+, but must be on [\d,-]+",
    )


class MistakeTest(ScenarioTest):
    """Each is a request of which Nova makes something else than it must."""

    def plain(self) -> Request:
        """A pinned CPU and a device, anywhere: what each host has that has what is refused."""
        return request(
            cpu_policy=CpuPolicy.DEDICATED, devices=self.nics(policy=NumaPolicy.PREFERRED)
        )

    def refused_wrongly(self, name: str, asked: Request) -> None:
        """A request for which Nova finds no host because of a known bug.

        Nova says no more of why than that there is none.  So each host that has a place for it
        first gets a server of which Nova makes no mistake: one that is down fails the test.
        """
        for host, expected in possible_outcomes(self.session.placed.loads(), asked).items():
            if isinstance(expected, Placed):
                with self.only_on(host):
                    self.place(self.plain()).delete()
        with self.known_bug(f"{_WHERE}, {name}", self.wrong_refusal(asked)):
            self.place(asked)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("3b9e5d7f-0c8a-4e14-b6f2-9a1d7c4e8b91")
    @requires(
        placeable(
            "a server with a floating node, a dedicated one and a CPU for the emulator",
            lambda kind: floating_first(kind, EmulatorPolicy.ISOLATE),
        )
    )
    def test_isolated_emulator_beside_a_node_without_dedicated_cpus(self) -> None:
        """Refused on every host: nothing-to-pin."""
        self.refused_wrongly("nothing-to-pin", floating_first(self.kind, EmulatorPolicy.ISOLATE))

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("e05c8a2d-7f6b-4391-8d9e-c2b4f0a6d592")
    @requires(
        placeable(
            "a server with a floating node and one of isolated threads",
            lambda kind: floating_first(kind, thread_policy=ThreadPolicy.ISOLATE),
        )
    )
    def test_isolated_threads_beside_a_node_without_dedicated_cpus(self) -> None:
        """Refused on every host: nothing-to-pin."""
        asked = floating_first(self.kind, thread_policy=ThreadPolicy.ISOLATE)
        self.refused_wrongly("nothing-to-pin", asked)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("76d1f4b8-a9e3-4c50-9b7d-5e8c0a2f6d93")
    @requires(
        one_thread(),
        placeable(
            "a dedicated CPU and a device",
            lambda kind: request(cpu_policy=CpuPolicy.DEDICATED, devices=nics(kind)),
        ),
    )
    def test_thread_policy_of_an_image_that_the_flavor_overrules(self) -> None:
        """Refused where cores have one thread: filter-asks-image."""
        asked = request(
            cpu_policy=CpuPolicy.DEDICATED,
            thread_policy=ThreadPolicy.PREFER,
            image=ImageRequest(thread_policy=ThreadPolicy.REQUIRE),
            devices=self.nics(),
        )
        self.refused_wrongly("filter-asks-image", asked)

    @decorators.attr(type=["cpus"])
    @decorators.idempotent_id("ca2b6e90-5d1f-4837-8e4c-f7d3a9b1c094")
    @requires(large_last_matters())
    def test_guest_of_unequal_nodes_is_pinned(self) -> None:
        """The CPU of its large node floats, and is in no accounts: search-changes-request."""
        for host in self.hosts.values():
            if asked := large_last(host.layout):
                with self.known_bug(f"{_WHERE}, search-changes-request", *unpinned(asked)):
                    self.place(asked)
