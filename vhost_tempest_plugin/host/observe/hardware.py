# SPDX-License-Identifier: Apache-2.0
"""sysfs to Hardware."""

import re
from collections import defaultdict

from vhost_tempest_plugin.host.observe.sysfs import Sysfs, convert, unreadable
from vhost_tempest_plugin.topology import cpuset, devices
from vhost_tempest_plugin.topology.hardware import (
    Cell,
    Cpu,
    Endpoint,
    Hardware,
    Port,
    RootBus,
)
from vhost_tempest_plugin.topology.layout import is_own
from vhost_tempest_plugin.topology.model import HugePages
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

_BRIDGE = 0x0604  # PCI Code and ID Assignment 1.16, 1.7
_CLASSES = {model.class_code for model in devices.MODELS.values()}
_ROOT_BUS = re.compile(r"/sys/devices/pci([0-9a-f]{4,8}):([0-9a-f]{2})")
_MEMORY_BLOCK = re.compile(r"/sys/devices/system/node/node(\d+)/memory(\d+)")
_MIB = 1 << 20


def read(found: Sysfs) -> Hardware:
    """All of it.

    :raises HostError: something has no known form
    """
    cells = _cells(found)
    classes = {
        convert("PCI address", address, PciAddress.parse): code >> 8
        for address, code in found.find("(.+)/class", _hexadecimal)
    }
    return Hardware(
        cpus=_cpus(found),
        cells=cells,
        root_buses=_root_buses(found, cells),
        ports=tuple(
            Port(address, _integer(found, f"{address}/secondary_bus_number"))
            for address in sorted(classes, key=str)
            if classes[address] == _BRIDGE
        ),
        endpoints=_endpoints(
            found,
            sorted(a for a, code in classes.items() if code in _CLASSES),
        ),
    )


def mem_total_kib(found: Sysfs) -> tuple[tuple[int, int], ...]:
    """(node, MemTotal) ascending."""
    totals = found.find(r"node/node(\d+)/meminfo", _mem_total)
    return tuple(sorted((int(node), total) for node, total in totals))


def groups(found: Sysfs) -> dict[PciAddress, int]:
    """The number of each function's IOMMU group; functions without one are left out."""
    return {
        convert("PCI address", address, PciAddress.parse): convert("IOMMU group", number, int)
        for (address, name), number in found.links.items()
        if name == "iommu_group"
    }


def _hexadecimal(text: str) -> int:
    return int(text, 16)


def _mem_total(text: str) -> int:
    match = re.fullmatch(r"Node \d+ MemTotal:\s+(\d+) kB", text)
    if match is None:
        raise ValueError(text)
    return int(match[1])


def _text(found: Sysfs, path: str) -> str:
    if path not in found.values:
        raise unreadable(f"file {path}", "")
    return found.values[path]


def _integer(found: Sysfs, path: str) -> int:
    return convert(path, _text(found, path), int)


def _cpus(found: Sysfs) -> tuple[Cpu, ...]:
    siblings = dict(found.find(r"cpu/cpu(\d+)/topology/thread_siblings_list", cpuset.parse))
    return tuple(
        sorted(
            Cpu(int(cpu), socket, siblings.get(cpu, frozenset()))
            for cpu, socket in found.find(r"cpu/cpu(\d+)/topology/physical_package_id", int)
        )
    )


def _cells(found: Sysfs) -> tuple[Cell, ...]:
    rows = {int(node): text.split() for node, text in found.find(r"node/node(\d+)/distance", str)}
    nodes = sorted(rows)
    cpus = dict(found.find(r"node/node(\d+)/cpulist", cpuset.parse))
    pages: dict[int, list[HugePages]] = defaultdict(list)
    for place, count in found.find(r"node/(node\d+/hugepages/hugepages-\d+kB)/nr_hugepages", int):
        node, size_kib = map(int, re.findall(r"\d+", place))
        if count:
            pages[node].append(HugePages(size_kib, count))
    memory_mib = _memory_mib(found)
    if any(len(row) != len(nodes) for row in rows.values()):
        raise unreadable("NUMA distances", str(rows))
    return tuple(
        Cell(
            node,
            cpus.get(str(node), frozenset()),
            memory_mib.get(node, 0),
            tuple((to, convert("distance", rows[node][i], int)) for i, to in enumerate(nodes)),
            tuple(sorted(pages[node])),
        )
        for node in nodes
    )


def _memory_mib(found: Sysfs) -> dict[int, int]:
    """The memory of each node.

    MemTotal lacks what the kernel keeps for itself, so the memory blocks are counted; a
    topology's nodes are multiples of their size.
    """
    block_bytes = convert(
        "memory block size", _text(found, "memory/block_size_bytes"), _hexadecimal
    )
    blocks: dict[int, int] = defaultdict(int)
    owners: dict[str, str] = {}
    for path in found.present:
        if match := _MEMORY_BLOCK.fullmatch(path):
            if owners.setdefault(match[2], match[1]) != match[1]:
                raise unreadable("memory blocks", f"two nodes have memory{match[2]}")
            blocks[int(match[1])] += 1
    return {node: count * block_bytes // _MIB for node, count in blocks.items()}


def _root_buses(found: Sysfs, cells: tuple[Cell, ...]) -> tuple[RootBus, ...]:
    buses = [match[2] for path in found.present if (match := _ROOT_BUS.fullmatch(path))]
    return tuple(
        sorted(
            (RootBus(int(bus, 16), _bus_node(found, bus, cells)) for bus in buses),
            key=lambda root: root.bus,
        )
    )


def _bus_node(found: Sysfs, bus: str, cells: tuple[Cell, ...]) -> int | None:
    """The node of a root bus: that of a device on it, or for an empty one that of its CPUs."""
    for _, node in found.find(rf"([0-9a-f]+:{bus}:.+)/numa_node", int):
        return _node(node)
    for _, cpus in found.find(rf"([0-9a-f]+:{bus})/cpulistaffinity", cpuset.parse):
        near = [cell.id for cell in cells if cell.cpus == cpus]
        return near[0] if near and len(cells) > 1 else None
    return None


def _node(number: int) -> int | None:
    return None if number < 0 else number


def _endpoints(found: Sysfs, addresses: list[PciAddress]) -> tuple[Endpoint, ...]:
    group_of = groups(found)
    members: dict[int, set[PciAddress]] = defaultdict(set)
    for address, number in group_of.items():
        members[number].add(address)
    endpoints = []
    for address in addresses:
        vendor, product, total = (
            found.values.get(f"{address}/{name}", "0")
            for name in ("vendor", "device", "sriov_totalvfs")
        )
        identity = convert(f"id of {address}", f"{vendor}:{product}", PciId.parse)
        if is_own(address, identity):
            continue
        parent = found.links.get((str(address), "physfn"))
        endpoints.append(
            Endpoint(
                address,
                identity,
                _node(_integer(found, f"{address}/numa_node")),
                frozenset(members[group_of[address]]) if address in group_of else frozenset(),
                found.links.get((str(address), "driver")),
                convert(f"sriov_totalvfs of {address}", total, int),
                None if parent is None else convert("physfn", parent, PciAddress.parse),
            )
        )
    return tuple(endpoints)
