# SPDX-License-Identifier: Apache-2.0
"""Where the servers of a test were: which CPUs, memory and devices of a host each had."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.layout import Layout

# An entry of a record's "servers" (scenario/inspection/record.py).
_Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """A CPU or device with the servers that had it.

    :param kind: ``shared``, ``dedicated`` or ``device``
    :param servers: their numbers in the test
    """

    name: str
    kind: str
    servers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PictureNode:
    """A NUMA node, or with None what is on no node.

    :param memory: (server, MiB) of servers with memory on it
    """

    node: int | None
    memory_mib: int
    cpus: tuple[Mark, ...]
    devices: tuple[Mark, ...]
    memory: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A host with the servers on it, after the steps that left them where they are.

    :param steps: such as ``boot: server 0, 1``
    :param servers: (number, what it asked for, what it has) of those on the host
    """

    host: str
    steps: tuple[str, ...]
    servers: tuple[tuple[int, str, str], ...]
    nodes: tuple[PictureNode, ...]

    @property
    def title(self) -> str:
        """The host and the steps."""
        return f"{self.host} after {', '.join(self.steps)}"


def moments(layouts: Mapping[str, Layout], record: Mapping[str, Any]) -> tuple[Moment, ...]:
    """A moment for each change of a host's servers, in order; hosts without a layout have none."""
    found: list[Moment] = []
    latest: dict[str, int] = {}
    there: dict[int, _Entry] = {}
    for batch in _batches(record["servers"]):
        hosts = {there[e["server"]]["host"] for e in batch if e["server"] in there}
        hosts |= {entry["host"] for entry in batch}
        there |= {entry["server"]: entry for entry in batch}
        numbers = ", ".join(str(entry["server"]) for entry in batch)
        step = f"{batch[0]['step']}: server {numbers}"
        for host in sorted(hosts & layouts.keys()):
            here = [entry for entry in there.values() if entry["host"] == host]
            nodes = tuple(_nodes(layouts[host], here))
            if host in latest and found[latest[host]].nodes == nodes:
                same = found[latest[host]]
                found[latest[host]] = replace(same, steps=(*same.steps, step))
                continue
            latest[host] = len(found)
            servers = tuple((e["server"], str(e["request"]), _words(e)) for e in here)
            found.append(Moment(host, (step,), servers, nodes))
    return tuple(found)


def _batches(entries: Iterable[_Entry]) -> list[list[_Entry]]:
    """Entries of one step of several servers are together."""
    batches: list[list[_Entry]] = []
    for entry in entries:
        known = {each["server"] for each in batches[-1]} if batches else set()
        if batches and batches[-1][0]["step"] == entry["step"] and entry["server"] not in known:
            batches[-1].append(entry)
        else:
            batches.append([entry])
    return batches


def _nodes(layout: Layout, servers: Sequence[_Entry]) -> Iterable[PictureNode]:
    sets = pci_devices.cpu_sets(layout)
    rows = pci_devices.expected_devices(layout)

    def devices(node: int | None) -> tuple[Mark, ...]:
        return tuple(
            Mark(
                str(row.address),
                "device",
                tuple(s["server"] for s in servers if str(row.address) in s["devices"]),
            )
            for row in rows
            if row.numa_node == node
        )

    for node in layout.host.nodes:
        yield PictureNode(
            node.id,
            node.memory_mib,
            tuple(
                Mark(
                    str(cpu),
                    "dedicated" if cpu in sets.dedicated else "shared",
                    tuple(s["server"] for s in servers if cpu in _cpus(s)),
                )
                for cpu in sorted(node.cpus)
            ),
            devices(node.id),
            tuple(
                (server["server"], cell["memory_mib"] or 0)
                for server in servers
                for cell in server["nodes"]
                if cell["node"] == node.id
            ),
        )
    if off := devices(None):
        yield PictureNode(None, 0, (), off, ())


def _cpus(server: _Entry) -> frozenset[int]:
    return frozenset(
        cpu
        for cell in server["nodes"]
        for cpu in (*cell["pins"].values(), *cpuset.parse(cell["floating"]))
    )


def _words(server: _Entry) -> str:
    """What a server has of its host."""
    words = []
    for cell in server["nodes"]:
        parts = [f"vCPU {vcpu} on CPU {cpu}" for vcpu, cpu in cell["pins"].items()]
        if cell["floating"]:
            parts.append(f"floats on CPUs {cell['floating']}")
        if cell["memory_mib"]:
            parts.append(f"{cell['memory_mib']} MiB")
        where = "any node" if cell["node"] is None else f"node {cell['node']}"
        words.append(f"{where}: {', '.join(parts)}")
    return "; ".join([*words, *server["devices"]])
