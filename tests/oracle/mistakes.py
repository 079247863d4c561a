# SPDX-License-Identifier: Apache-2.0
"""What Nova gets wrong: found by comparing, made small by hand.  README.rst says why."""

from dataclasses import dataclass

from tests.oracle.case import Case
from vhost_tempest_plugin.nova.expect import Limits
from vhost_tempest_plugin.nova.request import (
    CpuPolicy,
    EmulatorPolicy,
    ImageRequest,
    PageSize,
    Request,
    ThreadPolicy,
)
from vhost_tempest_plugin.topology import catalog


@dataclass(frozen=True)
class Mistake:
    """A case that Nova decides wrongly.

    :param repair: the change to Nova with which it decides rightly (repairs.py)
    :param fact: what is wrong, or the beginning of it
    """

    name: str
    repair: str
    case: Case
    fact: str


def _three_nodes(
    topology: str, large_mib: int, cpu_policy: CpuPolicy | None, page_size: PageSize | None = None
) -> Case:
    """A guest of three nodes with a CPU each, the last one with much memory; the host is free."""
    request = Request(
        vcpus=3,
        memory_mib=64 + 64 + large_mib,
        nodes=3,
        node_cpus=tuple(frozenset({cpu}) for cpu in range(3)),
        node_memory_mib=(64, 64, large_mib),
        cpu_policy=cpu_policy,
        page_size=page_size,
    )
    return _alone(topology, request)


def _floating_first(
    emulator_policy: EmulatorPolicy | None, thread_policy: ThreadPolicy | None
) -> Case:
    """A guest of two nodes with a CPU each, of which only the second one's is dedicated."""
    request = Request(
        vcpus=2,
        memory_mib=128,
        nodes=2,
        cpu_policy=CpuPolicy.MIXED,
        dedicated_mask=frozenset({1}),
        emulator_policy=emulator_policy,
        thread_policy=thread_policy,
    )
    return _alone("article", request)


def _overruled() -> Case:
    """The flavor's thread policy goes before the image's, and the host has no threads."""
    request = Request(
        vcpus=1,
        memory_mib=64,
        cpu_policy=CpuPolicy.DEDICATED,
        thread_policy=ThreadPolicy.PREFER,
        image=ImageRequest(thread_policy=ThreadPolicy.REQUIRE),
    )
    return _alone("article", request)


def _alone(topology: str, request: Request) -> Case:
    return Case(catalog.find(topology), (request,), limits=Limits(reserved_mib=0))


_SEARCH, _NOTHING = "search-changes-request", "nothing-to-pin"

MISTAKES = (
    Mistake(
        "a guest node with a dedicated CPU is pinned to none",
        _SEARCH,
        _three_nodes("article", 2100, CpuPolicy.DEDICATED),
        "guest node 2 on node 0: pinned is nothing",
    ),
    Mistake(
        "a guest node has more memory than any of the host's",
        _SEARCH,
        _three_nodes("lopsided", 2100, None),
        "it runs, but must be refused (MEMORY:",
    ),
    Mistake(
        "a guest node is pinned to another node's CPU, which the tracker does not take",
        _SEARCH,
        _three_nodes("sockets", 2100, CpuPolicy.DEDICATED),
        "Nova places it where it cannot be: CPUPinningUnknown",
    ),
    Mistake(
        "a guest that may have pages of any size is refused, the first one tried not being there",
        _SEARCH,
        _three_nodes("lopsided", 1100, None, PageSize.ANY),
        "it was refused (no valid host",
    ),
    Mistake(
        "an emulator gets no CPU of its own beside a guest node without dedicated ones",
        _NOTHING,
        _floating_first(EmulatorPolicy.ISOLATE, None),
        "it was refused (no valid host",
    ),
    Mistake(
        "isolated threads are refused to a guest with a node that has no dedicated CPUs",
        _NOTHING,
        _floating_first(None, ThreadPolicy.ISOLATE),
        "it was refused (no valid host",
    ),
    Mistake(
        "an image's thread policy that the flavor has overruled is asked of the host",
        "filter-asks-image",
        _overruled(),
        "it was refused (no valid host",
    ),
)
