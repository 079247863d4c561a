# SPDX-License-Identifier: Apache-2.0
"""What the domain XML of one of Nova's guests says about where it is placed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.hypervisor import xml_text
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.pci import PciAddress

_Element = etree._Element


@dataclass(frozen=True, slots=True)
class AssignedDevice:
    """A hostdev: the host's function that is the guest's.

    :param managed: whether libvirt gives it to vfio-pci and back
    """

    address: PciAddress
    managed: bool


@dataclass(frozen=True, slots=True)
class DomainCell:
    """A NUMA node of the guest.

    :param cpus: the guest's CPUs on it
    :param nodes: the host's nodes that its memory is bound to; empty where it is not
    :param huge_page_kib: the size of its huge pages, None where it has the host's small ones
    """

    cpus: frozenset[int]
    memory_mib: int
    nodes: frozenset[int]
    huge_page_kib: int | None


@dataclass(frozen=True, slots=True)
class GuestDomain:
    """A guest's placement on its host (https://libvirt.org/formatdomain.html).

    :param uuid: Nova's of the guest, too
    :param active: whether it runs or is paused; False for one that is only defined
    :param assigned: the host's PCI functions that it has, ascending by address
    :param cells: its NUMA nodes; empty where it has none
    :param memory_mode: of numatune, as in ``strict``
    :param vcpu_cpus: the host's CPUs that each of the guest's may run on (vcpupin)
    :param emulator_cpus: those that its emulator may run on; None where it may on any
    :param locked: whether its memory is locked
    :param console_log: the host's file of what it says on its serial console; None without one
    :param cpuset: the host's CPUs that all of its CPUs may run on (vcpu); None where on any
    :param iothreads: how many I/O threads it has
    :param iothread_cpus: those that each I/O thread may run on (iothreadpin), by its number
    """

    uuid: str
    name: str
    active: bool
    assigned: tuple[AssignedDevice, ...]
    cells: tuple[DomainCell, ...]
    memory_mode: str | None
    vcpu_cpus: Mapping[int, frozenset[int]]
    emulator_cpus: frozenset[int] | None
    locked: bool
    console_log: str | None = None
    cpuset: frozenset[int] | None = None
    iothreads: int = 0
    iothread_cpus: Mapping[int, frozenset[int]] = field(default_factory=dict)

    @property
    def hostdevs(self) -> frozenset[PciAddress]:
        """The host's PCI functions that it has."""
        return frozenset(device.address for device in self.assigned)

    @property
    def nodes(self) -> frozenset[int]:
        """All of the host's nodes that its memory is bound to; empty where it is not bound."""
        return frozenset[int]().union(*(cell.nodes for cell in self.cells))

    @property
    def cpus(self) -> frozenset[int]:
        """All of the host's CPUs that it may run on; empty where it may run on any."""
        return frozenset[int]().union(*self.vcpu_cpus.values())


def parse_guest(xml: str) -> GuestDomain:
    """Read what ``virsh dumpxml`` printed.

    :raises HostError: it is no domain XML
    """
    try:
        domain = xml_text.parse(xml)
        memory = domain.find("./numatune/memory")
        emulator = domain.find("./cputune/emulatorpin")
        devices = [_assigned(element) for element in domain.findall(_HOSTDEV)]
        return GuestDomain(
            uuid=domain.findtext("uuid", ""),
            name=domain.findtext("name", ""),
            active=domain.get("id") is not None,
            assigned=tuple(sorted(devices, key=lambda device: device.address)),
            cells=_cells(domain),
            memory_mode=None if memory is None else memory.get("mode"),
            vcpu_cpus={
                int(e.get("vcpu", "")): cpuset.parse(e.get("cpuset", ""))
                for e in domain.findall("./cputune/vcpupin")
            },
            emulator_cpus=None if emulator is None else cpuset.parse(emulator.get("cpuset", "")),
            locked=domain.find("./memoryBacking/locked") is not None,
            cpuset=_cpuset(domain.find("vcpu")),
            iothreads=int(domain.findtext("iothreads", "0")),
            iothread_cpus={
                int(e.get("iothread", "")): cpuset.parse(e.get("cpuset", ""))
                for e in domain.findall("./cputune/iothreadpin")
            },
            console_log=next(
                (log.get("file") for log in domain.iterfind("./devices/serial/log")), None
            ),
        )
    except (ValueError, KeyError) as error:
        raise HostError(
            f"libvirt's XML of a guest cannot be read ({error})",
            hint="see 'virsh dumpxml' in the host",
        ) from None


_HOSTDEV = "./devices/hostdev[@type='pci']"
_UNITS_KIB = {"KiB": 1, "MiB": 1024, "GiB": 1024 * 1024}


def _cpuset(vcpu: _Element | None) -> frozenset[int] | None:
    text = None if vcpu is None else vcpu.get("cpuset")
    return None if text is None else cpuset.parse(text)


def _assigned(element: _Element) -> AssignedDevice:
    source = element.find("./source/address")
    if source is None:
        raise ValueError("a hostdev without a source")
    domain, bus, slot, function = (
        int(source.get(part, ""), 16) for part in ("domain", "bus", "slot", "function")
    )
    return AssignedDevice(PciAddress(bus, slot, function, domain), element.get("managed") == "yes")


def _cells(domain: _Element) -> tuple[DomainCell, ...]:
    nodes = {
        int(e.get("cellid", "")): cpuset.parse(e.get("nodeset", ""))
        for e in domain.findall("./numatune/memnode")
    }
    pages = _huge_pages(domain)
    cells = domain.findall("./cpu/numa/cell")
    return tuple(
        DomainCell(
            cpus=cpuset.parse(cell.get("cpus", "")),
            memory_mib=_kib(cell.get("memory", ""), cell.get("unit")) // 1024,
            nodes=nodes.get(number, frozenset()),
            huge_page_kib=pages.get(number),
        )
        for number, cell in enumerate(sorted(cells, key=lambda cell: int(cell.get("id", ""))))
    )


def _huge_pages(domain: _Element) -> dict[int, int]:
    return {
        cell: _kib(page.get("size", ""), page.get("unit"))
        for page in domain.findall("./memoryBacking/hugepages/page")
        for cell in cpuset.parse(page.get("nodeset", ""))
    }


def _kib(number: str, unit: str | None) -> int:
    return int(number) * _UNITS_KIB[unit or "KiB"]
