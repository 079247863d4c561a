# SPDX-License-Identifier: Apache-2.0
"""The NUMA nodes that a host can have: their CPUs, order and distances."""

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.model import Host, NumaNode

_MAX_NODES = 128  # QEMU: include/sysemu/numa.h, MAX_NODES
_LOCAL_DISTANCE = 10
# Linux rejects a table with 10 or less between nodes (drivers/acpi/numa/srat.c,
# slit_valid); 255 means unreachable (ACPI 6.5, 5.2.17).
_FIRST_DISTANCE, _LAST_DISTANCE = 11, 254


def validate(host: Host) -> None:
    """Return if each CPU is on one node and the host's Linux numbers the nodes as given.

    :raises TopologyError: for the first reason why not, with its key
    """
    if not 1 <= len(host.nodes) <= _MAX_NODES:
        raise TopologyError(
            f"{len(host.nodes)} NUMA nodes are not 1 to {_MAX_NODES}",
            ("nodes",),
            hint="change their number",
        )
    owner: dict[int, int] = {}
    for index, node in enumerate(host.nodes):
        key = ("nodes", index)
        if node.id != index:
            raise TopologyError(f"node {node.id} is at place {index}", key, hint="number from 0 on")
        _node_cpus(host, node, owner)
        _distances(node, len(host.nodes))
        if node.bus is not None and not node.devices:
            raise TopologyError(
                f"node {index} has bus {node.bus} and no devices",
                (*key, "bus"),
                hint="add devices or leave out 'bus'",
            )
    missing = set(range(host.cpus.count)) - owner.keys()
    if missing:
        raise TopologyError(
            f"CPUs {cpuset.format(missing)} of 0-{host.cpus.count - 1} are on no node",
            ("nodes",),
            hint="add them to a node or have fewer CPUs",
        )
    _whole_cores(host, owner)
    _order(host)


def _node_cpus(host: Host, node: NumaNode, owner: dict[int, int]) -> None:
    key = ("nodes", node.id, "cpus")
    beyond = {cpu for cpu in node.cpus if not 0 <= cpu < host.cpus.count}
    if beyond:
        raise TopologyError(
            f"node {node.id} has CPUs {cpuset.format(beyond)}, but {host.cpus.sockets} sockets x "
            f"{host.cpus.cores} cores x {host.cpus.threads} threads make 0-{host.cpus.count - 1}",
            key,
        )
    twice = node.cpus & owner.keys()
    if twice:
        others = sorted({owner[cpu] for cpu in twice})
        raise TopologyError(
            f"CPUs {cpuset.format(twice)} of node {node.id} are on node "
            f"{cpuset.format(others)} too",
            key,
            hint="each CPU is on one node",
        )
    owner.update(dict.fromkeys(node.cpus, node.id))


def _whole_cores(host: Host, owner: dict[int, int]) -> None:
    threads = host.cpus.threads
    for core in range(host.cpus.count // threads):
        first = core * threads
        siblings = range(first, first + threads)
        nodes = {owner[cpu] for cpu in siblings}
        if len(nodes) > 1:
            raise TopologyError(
                f"the threads {cpuset.format(siblings)} of one core are on nodes "
                f"{cpuset.format(nodes)}",
                ("nodes", max(nodes), "cpus"),
                hint=f"keep the {threads} threads of a core on one node",
            )


def _order(host: Host) -> None:
    """Linux numbers nodes as it meets them in the SRAT, in which QEMU lists CPUs before memory.

    drivers/acpi/numa/srat.c, acpi_map_pxm_to_node; hw/i386/acpi-build.c, build_srat.
    """
    met = sorted(host.nodes, key=lambda node: min(node.cpus, default=host.cpus.count))
    for seen, node in enumerate(met):
        if node.id != seen:
            first = f"first CPU {min(node.cpus)}" if node.cpus else "no CPUs"
            raise TopologyError(
                f"Linux would call node {node.id} ({first}) node {seen}: it numbers nodes by their "
                f"first CPU, then those without CPUs",
                ("nodes", node.id, "cpus"),
                hint=f"make it node {seen}",
            )


def _distances(node: NumaNode, count: int) -> None:
    key = ("nodes", node.id, "distances")
    if tuple(to for to, _ in node.distances) != tuple(range(count)):
        named = cpuset.format(to for to, _ in node.distances)
        raise TopologyError(
            f"node {node.id} has {len(node.distances)} distances (to {named or 'none'}) for "
            f"nodes 0-{count - 1}",
            key,
            hint="give one for each node in turn",
        )
    for to, distance in node.distances:
        if to == node.id and distance != _LOCAL_DISTANCE:
            raise TopologyError(
                f"node {to} is {distance} from itself",
                (*key, to),
                hint=f"it must be {_LOCAL_DISTANCE}",
            )
        if to != node.id and not _FIRST_DISTANCE <= distance <= _LAST_DISTANCE:
            raise TopologyError(
                f"node {node.id} is {distance} from node {to}",
                (*key, to),
                hint=f"use {_FIRST_DISTANCE} to {_LAST_DISTANCE}",
            )
