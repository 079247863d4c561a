# SPDX-License-Identifier: Apache-2.0
"""What the domain XML of one of Nova's guests says about where it is placed."""

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from vhost_tempest_plugin import cpuset
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.pci import PciAddress

_Element = etree._Element


@dataclass(frozen=True, slots=True)
class GuestDomain:
    """A guest's placement on its host (https://libvirt.org/formatdomain.html).

    :param hostdevs: the host's PCI functions that are assigned to it, ascending
    :param memory_nodes: the host's NUMA nodes of each of the guest's own nodes (memnode)
    :param vcpu_cpus: the host's CPUs that each of the guest's may run on (vcpupin)
    :param huge_page_kib: the size of the huge pages of each of the guest's own nodes
    """

    hostdevs: tuple[PciAddress, ...]
    memory_nodes: Mapping[int, frozenset[int]]
    vcpu_cpus: Mapping[int, frozenset[int]]
    huge_page_kib: Mapping[int, int]

    @property
    def nodes(self) -> frozenset[int]:
        """All of the host's nodes that its memory is bound to; empty where it is not bound."""
        return frozenset().union(*self.memory_nodes.values())

    @property
    def cpus(self) -> frozenset[int]:
        """All of the host's CPUs that it may run on; empty where it may run on any."""
        return frozenset().union(*self.vcpu_cpus.values())


def parse_guest(xml: str) -> GuestDomain:
    """Read what ``virsh dumpxml`` printed.

    :raises HostError: it is no domain XML
    """
    try:
        domain = etree.fromstring(xml.encode())
        return GuestDomain(
            hostdevs=tuple(sorted(_address(e) for e in domain.findall(_HOSTDEV))),
            memory_nodes={
                int(e.get("cellid", "")): cpuset.parse(e.get("nodeset", ""))
                for e in domain.findall("./numatune/memnode")
            },
            vcpu_cpus={
                int(e.get("vcpu", "")): cpuset.parse(e.get("cpuset", ""))
                for e in domain.findall("./cputune/vcpupin")
            },
            huge_page_kib=_huge_pages(domain),
        )
    except (etree.XMLSyntaxError, ValueError) as error:
        raise HostError(
            f"libvirt's XML of a guest cannot be read ({error}); see 'virsh dumpxml' in the host"
        ) from None


_HOSTDEV = "./devices/hostdev[@type='pci']/source/address"
_UNITS_KIB = {"KiB": 1, "MiB": 1024, "GiB": 1024 * 1024}


def _address(element: _Element) -> PciAddress:
    domain, bus, slot, function = (
        int(element.get(part, ""), 16) for part in ("domain", "bus", "slot", "function")
    )
    return PciAddress(bus, slot, function, domain)


def _huge_pages(domain: _Element) -> dict[int, int]:
    return {
        cell: int(page.get("size", "")) * _UNITS_KIB[page.get("unit", "KiB")]
        for page in domain.findall("./memoryBacking/hugepages/page")
        for cell in cpuset.parse(page.get("nodeset", ""))
    }
