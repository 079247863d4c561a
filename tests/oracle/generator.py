# SPDX-License-Identifier: Apache-2.0
"""Cases made up: loads, and requests that are about as much as the host has.

The same source of chance gives the same case; Hypothesis has one that it can shrink by.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from tests.oracle import hosts
from tests.oracle.case import Case
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect.host import HostNode, NovaHost, seen_by_nova
from vhost_tempest_plugin.nova.expect.limits import Limits
from vhost_tempest_plugin.nova.load import Load, NodeLoad
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, NumaPolicy
from vhost_tempest_plugin.nova.request import (
    CpuPolicy,
    DeviceRequest,
    EmulatorPolicy,
    ImageRequest,
    PageSize,
    Request,
    ThreadPolicy,
)
from vhost_tempest_plugin.topology.layout import Layout

T = TypeVar("T")

KINDS = tuple(kind for model in hosts.MODELS for kind in pci_devices.kinds(model))
_PAGE_SIZES = (*PageSize, 4, 2048, 1048576)


def case(random: Random, layout: Layout) -> Case:
    """A host that is loaded, or not, and up to six requests."""
    host = seen_by_nova(layout)
    limits = Limits(
        cpu_ratio=random.choice((4.0, 4.0, 1.0, 1.5)),
        ram_ratio=random.choice((1.0, 1.0, 1.5)),
        reserved_mib=random.choice((0, 0, 256)),
        pack=_now_and_then(random, 0.3),
    )
    load = _load(random, host) if _now_and_then(random, 0.6) else Load()
    count = random.choice((1, 2, 4, 6))
    requests = tuple(_request(random, host) for _ in range(count))
    return Case(
        layout, requests, load, limits, _some(random, [row.address for row in host.devices])
    )


def _now_and_then(random: Random, share: float) -> bool:
    return random.random() < share


def _some(random: Random, items: Sequence[T]) -> frozenset[T]:
    return frozenset(random.sample(items, random.randint(0, len(items))))


def _load(random: Random, host: NovaHost) -> Load:
    free = [row.address for row in host.devices]
    nodes = {node.id: _node_load(random, node) for node in host.nodes if _now_and_then(random, 0.5)}
    return Load(
        nodes,
        _some(random, free) if _now_and_then(random, 0.4) else frozenset(),
        random.choice((0, 0, 1, 4)),
        random.choice((0, 0, 0, 64)),
    )


def _node_load(random: Random, node: HostNode) -> NodeLoad:
    (small, total), *huge = node.pages
    pages = {size: random.randint(0, count) for size, count in huge}
    small_mib = random.randint(0, total * small // 1024) // random.choice((1, 2, 4))
    pages[small] = small_mib * 1024 // small
    return NodeLoad(
        pinned=_some(random, sorted(node.dedicated)) if _now_and_then(random, 0.5) else frozenset(),
        floating_vcpus=random.randint(0, len(node.shared)),
        memory_mib=small_mib + sum(size * count // 1024 for size, count in pages.items()) // 2,
        pages=tuple(sorted(pages.items())),
    )


def _request(random: Random, host: NovaHost) -> Request:
    """Mostly free of contradictions."""
    nodes = random.choice((None, None, None, 1, 1, 2, 2, 2, 3, 3 if len(host.nodes) > 4 else 4))
    count = nodes or 1
    vcpus = count * random.choice((1, 1, 1, 1, 2, 2, 3)) + int(_now_and_then(random, 0.02))
    memory_mib = sum(_memory_mib(random, host) for _ in range(count))
    memory_mib += -memory_mib % count
    policy = _cpu_policy(random)
    if policy is CpuPolicy.MIXED and vcpus == 1:
        vcpus = 2
    flawed = _now_and_then(random, 0.04)
    node_cpus, node_memory_mib = (), ()
    if nodes and vcpus >= nodes and _now_and_then(random, 0.5):
        node_cpus, node_memory_mib = _parts(random, vcpus, memory_mib, nodes, flawed)
    return Request(
        vcpus=vcpus,
        memory_mib=memory_mib,
        nodes=nodes,
        node_cpus=node_cpus,
        node_memory_mib=node_memory_mib,
        cpu_policy=policy,
        dedicated_mask=_mask(random, vcpus, policy),
        thread_policy=_perhaps(random, tuple(ThreadPolicy), 0.4 if _pins(policy) else 0.02),
        emulator_policy=_perhaps(random, tuple(EmulatorPolicy), 0.3 if _pins(policy) else 0.02),
        page_size=_perhaps(random, _PAGE_SIZES, 0.35),
        pci_policy=_perhaps(random, tuple(NumaPolicy), 0.3),
        devices=_devices(random, host),
        image=_image(random) if _now_and_then(random, 0.1) else ImageRequest(),
    )


def _perhaps(random: Random, items: Sequence[T], share: float) -> T | None:
    return random.choice(items) if _now_and_then(random, share) else None


def _pins(policy: CpuPolicy | None) -> bool:
    return policy in (CpuPolicy.DEDICATED, CpuPolicy.MIXED)


def _cpu_policy(random: Random) -> CpuPolicy | None:
    dedicated, mixed = CpuPolicy.DEDICATED, CpuPolicy.MIXED
    return random.choice((None, None, None, CpuPolicy.SHARED, *[dedicated] * 4, mixed, mixed))


def _mask(random: Random, vcpus: int, policy: CpuPolicy | None) -> frozenset[int]:
    if _now_and_then(random, 0.98) != (policy is CpuPolicy.MIXED):
        return frozenset()
    beyond = _now_and_then(random, 0.01)
    return frozenset(random.sample(range(vcpus + beyond), random.randint(1, max(1, vcpus - 1))))


def _memory_mib(random: Random, host: NovaHost) -> int:
    """For one guest node: little, about what a node has, or an odd number."""
    node = random.choice(host.nodes)
    size, count = random.choice(node.pages)
    whole = max(1, size * count // 1024)
    return random.choice((64, 64, 64, 128, 128, max(1, whole // 2), random.randint(1, whole)))


def _parts(
    random: Random, vcpus: int, memory_mib: int, nodes: int, flawed: bool
) -> tuple[tuple[frozenset[int], ...], tuple[int, ...]]:
    """Unequal guest nodes; *flawed* ones are wrong in one way of five."""
    owners = [*range(nodes), *(random.randrange(nodes) for _ in range(vcpus - nodes))]
    random.shuffle(owners)
    cpus = [{cpu for cpu, owner in enumerate(owners) if owner == node} for node in range(nodes)]
    cuts = sorted(random.randint(0, memory_mib) for _ in range(nodes - 1))
    memory = [b - a for a, b in zip([0, *cuts], [*cuts, memory_mib], strict=True)]
    flaw = random.randrange(5) if flawed else None
    if flaw == 0:
        cpus[0].add(vcpus)
    elif flaw == 1:
        cpus[-1].add(min(cpus[0]))
    elif flaw == 2:
        largest = max(cpus, key=len)
        largest.difference_update({max(largest)} if len(largest) > 1 else ())
    elif flaw == 3:
        memory[0] += 1
    elif flaw == 4:
        memory = []
    return tuple(map(frozenset, cpus)), tuple(memory)


def _devices(random: Random, host: NovaHost) -> tuple[DeviceRequest, ...]:
    there = {(int(row.product_id, 16), row.dev_type) for row in host.devices}
    kinds = [kind for kind in KINDS if (kind.id.product, kind.dev_type) in there]
    asked = random.choice((0, 0, 1, 1, 1, 2, 3))
    if not kinds:
        asked = int(_now_and_then(random, 0.1))
    if kinds and _now_and_then(random, 0.5):
        # Aliases that take from each other.
        kinds = [random.choice(kinds)]
    return tuple(_device(random, kinds or list(KINDS)) for _ in range(asked))


def _device(random: Random, kinds: Sequence[DeviceKind]) -> DeviceRequest:
    if _now_and_then(random, 0.01):
        return DeviceRequest(None, 1, name="nobody")
    count = random.choice((1, 1, 1, 1, 2, 2, 3, 5))
    return DeviceRequest(random.choice(kinds), count, random.choice(tuple(NumaPolicy)))


def _image(random: Random) -> ImageRequest:
    return ImageRequest(
        nodes=_perhaps(random, (1, 2), 0.2),
        cpu_policy=_perhaps(random, tuple(CpuPolicy), 0.3),
        thread_policy=_perhaps(random, tuple(ThreadPolicy), 0.4),
        page_size=_perhaps(random, _PAGE_SIZES, 0.2),
        pci_policy=_perhaps(random, tuple(NumaPolicy), 0.4),
    )
