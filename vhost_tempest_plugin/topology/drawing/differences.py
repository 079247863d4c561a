# SPDX-License-Identifier: Apache-2.0
"""Where two values of a host's hardware differ, fact by fact."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from vhost_tempest_plugin.topology import cpuset, devices
from vhost_tempest_plugin.topology.hardware import Cell, Endpoint, Hardware
from vhost_tempest_plugin.topology.model import HugePages
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

# What Linux keeps of a node for itself does not count as its memory: up to 64 MiB for
# swiotlb, the kernel, and a sixty-fourth for its page structures.
_KEPT_MIB = 160
_KEPT_SHARE = 8


class Mark(StrEnum):
    """How a fact of one side compares with the other's; a word, since colour is not for all."""

    SAME = ""
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    DIFFERENT = "differs"

    @property
    def symbol(self) -> str:
        """One character for it."""
        return {"": " ", "missing": "−", "unexpected": "+", "differs": "≠"}[self.value]


Fact = tuple[str, str]
"""A thing and its property: ("NIC b5:00.0", "driver"); a thing's existence is ""."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a fact was meant to be and what it is, None where the thing does not exist."""

    thing: str
    property: str
    intended: str | None
    observed: str | None


def short(address: PciAddress) -> str:
    """An address without the domain if it is 0: ``b5:00.0``."""
    return str(address).removeprefix("0000:")


def model_name(id_: PciId) -> str:
    """The model's name for an id, the id itself where it has none."""
    for model in devices.MODELS.values():
        if id_ == model.id:
            return model.name
        if model.sriov and id_ == model.sriov.id:
            return f"{model.name} VF"
    return str(id_)


def huge_pages(pages: tuple[HugePages, ...]) -> str:
    """``64 of 2 MiB, 1 of 1 GiB``."""
    sized = (
        f"{page.count} of "
        + (
            f"{page.size_kib >> 20} GiB"
            if page.size_kib >= 1 << 20
            else f"{page.size_kib >> 10} MiB"
        )
        for page in pages
        if page.count
    )
    return ", ".join(sized) or "none"


def group(endpoint: Endpoint) -> str:
    """A function's IOMMU group: ``alone``, ``with b6:00.0``, ``none``."""
    others = sorted(endpoint.group - {endpoint.address})
    if others:
        return f"with {' '.join(map(short, others))}"
    return "alone" if endpoint.group else "none"


def node_name(node: int | None) -> str:
    """A NUMA node's number, -1 for none as Linux says."""
    return "-1" if node is None else str(node)


def facts(hardware: Hardware) -> dict[Fact, str]:
    """Everything that can differ."""
    return dict(_facts(hardware))


def _facts(hardware: Hardware) -> Iterator[tuple[Fact, str]]:
    node_of = {cpu: cell.id for cell in hardware.cells for cpu in cell.cpus}
    for cell in hardware.cells:
        yield from _cell_facts(cell)
    for cpu in hardware.cpus:
        thing = f"CPU {cpu.id}"
        yield (thing, ""), "present"
        yield (thing, "NUMA node"), node_name(node_of.get(cpu.id))
        yield (thing, "socket"), str(cpu.socket)
        yield (thing, "threads of its core"), cpuset.format(cpu.siblings)
    for root in hardware.root_buses:
        yield (f"bus {root.bus:02x}", ""), "present"
        yield (f"bus {root.bus:02x}", "NUMA node"), node_name(root.node)
    for port in hardware.ports:
        yield (f"port {short(port.address)}", ""), "present"
        yield (f"port {short(port.address)}", "bus behind it"), f"{port.secondary_bus:02x}"
    for endpoint in hardware.endpoints:
        thing = f"NIC {short(endpoint.address)}"
        yield (thing, ""), "present"
        yield (thing, "model"), model_name(endpoint.id)
        yield (thing, "NUMA node"), node_name(endpoint.node)
        yield (thing, "IOMMU group"), group(endpoint)
        yield (thing, "driver"), endpoint.driver or "none"
        yield (thing, "most VFs"), str(endpoint.total_vfs)


def _cell_facts(cell: Cell) -> Iterator[tuple[Fact, str]]:
    thing = f"node {cell.id}"
    yield (thing, ""), "present"
    yield (thing, "CPUs"), cpuset.format(cell.cpus) or "none"
    yield (thing, "memory"), f"{cell.memory_mib} MiB"
    yield (thing, "huge pages"), huge_pages(cell.huge_pages)
    for other, distance in cell.distances:
        yield (thing, f"distance to {other}"), str(distance)


def differences(intended: Hardware, observed: Hardware) -> tuple[Difference, ...]:
    """What differs, things in the order of the intended; a missing thing is named once."""
    meant, seen = facts(intended), facts(observed)
    found = []
    for thing, property_ in [*meant, *(fact for fact in seen if fact not in meant)]:
        existence = (thing, "")
        absent = existence not in meant or existence not in seen
        if absent and property_:
            continue
        left, right = meant.get((thing, property_)), seen.get((thing, property_))
        if left != right and not (property_ == "memory" and _kept(left, right)):
            found.append(Difference(thing, property_, left, right))
    return tuple(found)


def _kept(intended: str | None, observed: str | None) -> bool:
    """Whether the memory observed is the intended, less what the kernel keeps of it."""
    meant_mib, seen_mib = (int((text or "0").split()[0]) for text in (intended, observed))
    return 0 <= meant_mib - seen_mib <= _KEPT_MIB + meant_mib // _KEPT_SHARE


def marks(found: tuple[Difference, ...]) -> Mapping[Fact, Mark]:
    """The mark of every fact that differs."""
    return {
        (difference.thing, difference.property): (
            Mark.MISSING
            if difference.observed is None
            else Mark.UNEXPECTED
            if difference.intended is None
            else Mark.DIFFERENT
        )
        for difference in found
    }
