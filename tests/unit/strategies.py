# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for values; every host that comes out of ``hosts`` is valid."""

from hypothesis import strategies as st

from vhost_tempest_plugin.topology import devices
from vhost_tempest_plugin.topology.iommus import intel
from vhost_tempest_plugin.topology.model import (
    Binding,
    CpuTopology,
    DeviceGroup,
    Host,
    HugePages,
    Iommu,
    Management,
    NumaNode,
)
from vhost_tempest_plugin.topology.pci import LAST_BUS

_MAX_NODES = 8
_MAX_GROUPS = 3
_MAX_COUNT = 6

names = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)

iommus = st.one_of(
    st.just(Iommu(None, interrupt_remapping=False, caching_mode=False)),
    st.builds(
        Iommu,
        model=st.just(intel.MODEL),
        interrupt_remapping=st.booleans(),
        caching_mode=st.booleans(),
        address_width_bits=st.sampled_from([39, 48]),
    ),
)


def mac(number: int) -> str:
    """The unicast MAC address made of the low 46 bits of *number*."""
    number = (number >> 40 << 42 | number & (1 << 40) - 1) & (1 << 48) - 1
    return ":".join(f"{octet:02x}" for octet in number.to_bytes(6, "big"))


@st.composite
def _memory(draw: st.DrawFn) -> tuple[int, tuple[HugePages, ...]]:
    memory_mib = 128 * draw(st.integers(2, 80))
    pages = []
    if draw(st.booleans()):
        pages.append(HugePages(2048, draw(st.integers(1, memory_mib // 8))))
    if memory_mib >= 6144 and draw(st.booleans()):
        pages.append(HugePages(1048576, 1))
    return memory_mib, tuple(pages)


@st.composite
def _groups(draw: st.DrawFn, iommu: Iommu, macs: "_Macs") -> tuple[DeviceGroup, ...]:
    groups = []
    for _ in range(draw(st.integers(0, _MAX_GROUPS))):
        model = draw(st.sampled_from(list(devices.MODELS.values())))
        count = draw(st.integers(1, _MAX_COUNT))
        bindings = list(Binding) if iommu.model is intel.MODEL else [Binding.KERNEL]
        groups.append(
            DeviceGroup(
                model=model,
                count=count,
                vfs=draw(st.integers(0, model.max_vfs)),
                macs=macs.take(count) if draw(st.booleans()) else (),
                binding=draw(st.sampled_from(bindings)),
            )
        )
    return tuple(groups)


class _Macs:
    """Gives out addresses that differ."""

    def __init__(self, first: int, step: int) -> None:
        self._next = first
        self._step = step

    def take(self, count: int) -> tuple[str, ...]:
        taken = tuple(mac(self._next + self._step * i) for i in range(count))
        self._next += self._step * count
        return taken


@st.composite
def _buses(draw: st.DrawFn, ports: list[int], nodeless: int) -> list[int | None]:
    """A bus for each node, which has so many ports: chosen by the layout, by the file, or mixed."""
    kind = draw(st.sampled_from(["auto", "given", "mixed"]))
    buses: list[int | None] = [None] * len(ports)
    if kind == "auto":
        return buses
    order = draw(st.permutations([i for i, count in enumerate(ports) if count]))
    spare = LAST_BUS - nodeless - sum(count + 1 for count in ports if count)
    top = LAST_BUS
    for node in order if kind == "given" else order[: len(order) // 2]:
        gap = draw(st.integers(0, spare)) if kind == "given" else 0
        spare -= gap
        top -= gap + ports[node]
        buses[node] = top
        top -= 1
    return buses


@st.composite
def _distances(draw: st.DrawFn, nodes: int) -> list[tuple[tuple[int, int], ...]]:
    apart = st.integers(11, 254)
    return [
        tuple((to, 10 if to == node else draw(apart)) for to in range(nodes))
        for node in range(nodes)
    ]


@st.composite
def _owners(draw: st.DrawFn, cores: int, nodes: int) -> list[int]:
    """The node of each core; a node's first core comes after that of the node before."""
    owners = [0]
    for _ in range(1, cores):
        owners.append(draw(st.integers(0, min(max(owners) + 1, nodes - 1))))
    return owners


@st.composite
def hosts(draw: st.DrawFn) -> Host:
    """Any valid host of at most 8 nodes and about 200 NICs."""
    cpus = CpuTopology(
        draw(st.integers(1, 4)), cores=draw(st.integers(1, 4)), threads=draw(st.integers(1, 2))
    )
    count = draw(st.integers(1, _MAX_NODES))
    owner = draw(_owners(cpus.sockets * cpus.cores, count))
    iommu = draw(iommus)
    macs = _Macs(draw(st.integers(1, 1 << 40)), draw(st.integers(1, 1000)))
    devices = [draw(_groups(iommu, macs)) for _ in range(count)]
    nodeless = draw(_groups(iommu, macs))
    ports = [sum(group.count for group in groups) for groups in devices]
    buses = draw(_buses(ports, sum(group.count for group in nodeless)))
    distances = draw(_distances(count))
    nodes = []
    for node in range(count):
        memory_mib, huge_pages = draw(_memory())
        nodes.append(
            NumaNode(
                id=node,
                cpus=frozenset(
                    cpu for cpu in range(cpus.count) if owner[cpu // cpus.threads] == node
                ),
                memory_mib=memory_mib,
                distances=distances[node],
                huge_pages=huge_pages,
                devices=devices[node],
                bus=buses[node],
            )
        )
    return Host(
        name=draw(names),
        cpus=cpus,
        nodes=tuple(nodes),
        devices=nodeless,
        iommu=iommu,
        management=Management(macs.take(1)[0] if draw(st.booleans()) else None),
    )
