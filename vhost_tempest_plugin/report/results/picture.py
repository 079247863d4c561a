# SPDX-License-Identifier: Apache-2.0
"""A topology with the guests of a test on it: which CPUs, memory and devices each had."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.layout import Layout


@dataclass(frozen=True, slots=True)
class Mark:
    """A CPU or device with the numbers of the guests that had it.

    :param kind: ``shared``, ``dedicated`` or ``device``
    """

    name: str
    kind: str
    guests: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PictureNode:
    """A NUMA node, or with None what is on no node.

    :param memory: (guest, MiB) of guests with memory on it
    """

    node: int | None
    memory_mib: int
    cpus: tuple[Mark, ...]
    devices: tuple[Mark, ...]
    memory: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """One host after a step of one guest, with the guests that had been placed until then.

    :param request: what that guest had asked for
    """

    title: str
    request: str
    nodes: tuple[PictureNode, ...]


def moments(layouts: Mapping[str, Layout], record: Mapping[str, Any]) -> tuple[Moment, ...]:
    """A picture for each set of places that a test's guests had; equal ones in a row are one."""
    pictures: list[Moment] = []
    there: dict[int, Mapping[str, Any]] = {}
    for entry in record["servers"]:
        there[entry["server"]] = entry
        if entry["host"] not in layouts:
            continue
        here = [guest for guest in there.values() if guest["host"] == entry["host"]]
        title = f"{entry['host']}: guest {entry['server']}, {entry['step']}"
        moment = Moment(title, entry["request"], tuple(_nodes(layouts[entry["host"]], here)))
        if not pictures or pictures[-1].nodes != moment.nodes:
            pictures.append(moment)
    return tuple(pictures)


def _nodes(layout: Layout, guests: list[Mapping[str, Any]]) -> Iterable[PictureNode]:
    sets = pci_devices.cpu_sets(layout)
    rows = pci_devices.expected_devices(layout)

    def devices(node: int | None) -> tuple[Mark, ...]:
        return tuple(
            Mark(
                str(row.address),
                "device",
                tuple(g["server"] for g in guests if str(row.address) in g["devices"]),
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
                    tuple(g["server"] for g in guests if cpu in _cpus(g)),
                )
                for cpu in sorted(node.cpus)
            ),
            devices(node.id),
            tuple(
                (guest["server"], cell["memory_mib"] or 0)
                for guest in guests
                for cell in guest["nodes"]
                if cell["node"] == node.id
            ),
        )
    if off := devices(None):
        yield PictureNode(None, 0, (), off, ())


def _cpus(guest: Mapping[str, Any]) -> frozenset[int]:
    return frozenset(
        cpu
        for cell in guest["nodes"]
        for cpu in (*cell["pins"].values(), *cpuset.parse(cell["floating"]))
    )
