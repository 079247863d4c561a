# SPDX-License-Identifier: Apache-2.0
"""Hosts made up, small enough that Nova judges thousands of requests in a minute."""

from random import Random

from vhost_tempest_plugin.topology.devices import e1000e, igb
from vhost_tempest_plugin.topology.layout import Layout, lay_out
from vhost_tempest_plugin.topology.model import CpuTopology, DeviceGroup, Host, HugePages, NumaNode

_GROUPS = (
    DeviceGroup(e1000e.MODEL),
    DeviceGroup(e1000e.MODEL, 2),
    DeviceGroup(e1000e.MODEL, 3),
    DeviceGroup(igb.MODEL),
    DeviceGroup(igb.MODEL, vfs=2),
    DeviceGroup(igb.MODEL, vfs=4),
)

# The oracle has aliases of these alone.
MODELS = tuple(dict.fromkeys(group.model for group in _GROUPS))


def layout(random: Random) -> Layout:
    """A host of 1 to 5 nodes; their sockets, cores and threads in every relation."""
    cores = [random.choice((1, 2, 2, 3, 4)) for _ in range(random.choice((1, 2, 2, 3, 3, 4, 5)))]
    if random.random() < 0.5:
        cores = cores[:1] * len(cores)
    if len(cores) > 1 and random.random() < 0.1:
        cores[-1] = 0
    total, threads = sum(cores), random.choice((1, 1, 2))
    sockets = random.choice([n for n in range(1, total + 1) if total % n == 0])
    nodes, first = [], 0
    for node, count in enumerate(cores):
        cpus = frozenset(range(first * threads, (first + count) * threads))
        first += count
        distances = tuple((to, 10 if to == node else 20) for to in range(len(cores)))
        memory_mib = random.choice((512, 1024, 1024, 1536, 6144))
        pages = _huge_pages(random, memory_mib)
        nodes.append(NumaNode(node, cpus, memory_mib, distances, pages, _groups(random, 2)))
    cpu_topology = CpuTopology(sockets, total // sockets, threads)
    return lay_out(Host("made-up", cpu_topology, tuple(nodes), _groups(random, 2)))


def _huge_pages(random: Random, memory_mib: int) -> tuple[HugePages, ...]:
    pages = []
    if random.random() < 0.5:
        pages.append(HugePages(2048, random.choice((16, 64, memory_mib // 8))))
    if memory_mib >= 6144 and random.random() < 0.5:
        pages.append(HugePages(1048576, 1))
    return tuple(pages)


def _groups(random: Random, most: int) -> tuple[DeviceGroup, ...]:
    return tuple(random.choice(_GROUPS) for _ in range(random.randint(0, most)))
