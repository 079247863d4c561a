# SPDX-License-Identifier: Apache-2.0
"""A Host as plain mappings and lists in the form of ``schema``, and back."""

import re
from dataclasses import replace
from typing import Any

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology import cpuset, devices, iommus
from vhost_tempest_plugin.topology.iommu_model import IommuModel
from vhost_tempest_plugin.topology.key import Key
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
from vhost_tempest_plugin.topology.schema import NO_IOMMU, check

_KIB = {"K": 1, "M": 1024, "G": 1024**2}
_HERE = 10
_ELSEWHERE = 20

Data = dict[str, Any]


def read(value: object, default_name: str) -> Host:
    """The host that plain data describe.

    :param default_name: its name where the data have none
    :raises TopologyError: they do not have the form of a topology; with the key
    """
    check(value)
    assert isinstance(value, dict)  # noqa: S101 - what check has made sure of
    nodes = tuple(_node(node, id_, len(value["nodes"])) for id_, node in enumerate(value["nodes"]))
    return Host(
        name=value.get("name", default_name),
        cpus=_cpus(value.get("cpus", {}), sum(len(node.cpus) for node in nodes)),
        nodes=nodes,
        devices=_groups(value.get("devices", [])),
        machine=value.get("machine", "q35"),
        iommu=_iommu(value.get("iommu", {})),
        management=Management(mac=value.get("management", {}).get("mac")),
    )


def _cpus(data: Data, count: int) -> CpuTopology:
    cores, threads = data.get("cores", 1), data.get("threads", 1)
    sockets, left = divmod(count, cores * threads)
    if "sockets" not in data and (left or not sockets):
        raise TopologyError(
            f"{cores} cores of {threads} threads make no whole number of sockets from the nodes' "
            f"{count} CPUs",
            ("cpus",),
            hint="change cores, threads or the nodes' cpus",
        )
    return CpuTopology(data.get("sockets", sockets), cores, threads)


def _node(data: Data, id_: int, count: int) -> NumaNode:
    key: Key = ("nodes", id_)
    distances = data.get("distances", _default_distances(id_, count))
    if len(distances) != count:
        raise TopologyError(
            f"{len(distances)} distances do not fit {count} nodes",
            (*key, "distances"),
            hint="give one for every node",
        )
    try:
        cpus = cpuset.parse(str(data["cpus"]))
    except ValueError as error:
        raise TopologyError(str(error), (*key, "cpus"), hint="give {first}-{last}") from None
    return NumaNode(
        id=id_,
        cpus=cpus,
        memory_mib=data["memory_mib"],
        distances=tuple(enumerate(distances)),
        huge_pages=_huge_pages(data.get("hugepages", {}), (*key, "hugepages")),
        devices=_groups(data.get("devices", [])),
        bus=data.get("bus"),
    )


def _default_distances(id_: int, count: int) -> list[int]:
    return [_HERE if other == id_ else _ELSEWHERE for other in range(count)]


def _huge_pages(data: Data, key: Key) -> tuple[HugePages, ...]:
    pages: dict[int, HugePages] = {}
    for text, count in data.items():
        size_kib = int(text[:-1]) * _KIB[text[-1]]
        if size_kib in pages:
            raise TopologyError(
                f"{text} is a size of {size_kib} KiB, as a key before it is",
                (*key, text),
                hint="give each size once",
            )
        pages[size_kib] = HugePages(size_kib, count)
    return tuple(sorted(pages.values()))


def _groups(data: list[Data]) -> tuple[DeviceGroup, ...]:
    return tuple(
        DeviceGroup(
            model=devices.MODELS[group["model"]],
            count=group.get("count", 1),
            vfs=group.get("vfs", 0),
            macs=tuple(group.get("macs", ())),
            binding=Binding(group.get("driver", Binding.KERNEL)),
        )
        for group in data
    )


def _iommu(data: str | Data) -> Iommu:
    facts: Data = {"model": data} if isinstance(data, str) else data
    name = facts.get("model", str(Iommu().model))
    model = None if name == NO_IOMMU else iommus.MODELS[name]
    return replace(_default_iommu(model), **{**facts, "model": model})


def _default_iommu(model: IommuModel | None) -> Iommu:
    return Iommu(
        model,
        interrupt_remapping=model is not None and model.remapping is not None,
        caching_mode=model is not None and model.has_caching_mode,
    )


def write(host: Host) -> Data:
    """What ``read`` reads back as an equal host; what is as by default is left out."""
    default = _default_iommu(host.iommu.model)
    iommu = {
        name: getattr(host.iommu, name)
        for name in ("interrupt_remapping", "caching_mode", "address_width_bits")
        if getattr(host.iommu, name) != getattr(default, name)
    }
    model = NO_IOMMU if host.iommu.model is None else host.iommu.model.name
    return {
        "name": host.name,
        **({"machine": host.machine} if host.machine != "q35" else {}),
        "cpus": {
            "sockets": host.cpus.sockets,
            "cores": host.cpus.cores,
            "threads": host.cpus.threads,
        },
        **({"iommu": {"model": model, **iommu} if iommu else model}),
        "nodes": [_written_node(node, len(host.nodes)) for node in host.nodes],
        **_written_groups(host.devices),
        **({"management": {"mac": host.management.mac}} if host.management.mac else {}),
    }


def _written_node(node: NumaNode, count: int) -> Data:
    cpus = cpuset.format(node.cpus)
    distances = [distance for _, distance in node.distances]
    return {
        "cpus": int(cpus) if cpus.isdecimal() else cpus,
        "memory_mib": node.memory_mib,
        **({"distances": distances} if distances != _default_distances(node.id, count) else {}),
        **({"hugepages": dict(map(_written_pages, node.huge_pages))} if node.huge_pages else {}),
        **({"bus": node.bus} if node.bus is not None else {}),
        **_written_groups(node.devices),
    }


def _written_pages(pages: HugePages) -> tuple[str, int]:
    unit = max(
        (unit for unit in _KIB if pages.size_kib % _KIB[unit] == 0), key=lambda unit: _KIB[unit]
    )
    return f"{pages.size_kib // _KIB[unit]}{unit}", pages.count


def _written_groups(groups: tuple[DeviceGroup, ...]) -> Data:
    written = [
        {
            "model": group.model.name,
            "count": group.count,
            **({"vfs": group.vfs} if group.vfs else {}),
            **({"macs": list(group.macs)} if group.macs else {}),
            **({"driver": group.binding.value} if group.binding is not Binding.KERNEL else {}),
        }
        for group in groups
    ]
    return {"devices": written} if written else {}


def default_name(source: str) -> str:
    """A host's name made of the name of its file: ``/a/My host.yaml`` gives ``my-host``."""
    stem = re.sub(r"\.[^.]*\Z", "", source.rpartition("/")[2])
    words = re.sub(r"[^a-z0-9]+", "-", stem.lower()).lstrip("-0123456789")[:40].strip("-")
    return words or "host"
