# SPDX-License-Identifier: Apache-2.0
"""What the nested guest says on its serial console, and the reading of it.

init.c writes a line for each fact, among whatever the kernel prints; numbers are decimal,
PCI ids, classes and addresses hexadecimal, lists in the kernel's list format::

    vhost-guest: kernel 6.1.192
    vhost-guest: interface 0000:01:00.0 52:54:00:00:01:03 eth0
    vhost-guest: cpus 0-1
    vhost-guest: cpu 0 socket=0 siblings=0-1
    vhost-guest: node 0 cpus=0-1 memory_kib=117252
    vhost-guest: hugepages node=0 size_kib=2048 total=16 free=16
    vhost-guest: pci 0000:01:00.0 8086:10d3 class=020000 node=-1 driver=e1000e
    vhost-guest: dhcp 0000:01:00.0 52:54:00:00:01:03 10.0.2.15 server=10.0.2.2
    vhost-guest: no-dhcp 0000:02:00.0 52:54:00:00:01:04 reason=no-answer
    vhost-guest: done

``driver=`` is missing where none holds the function; ``hugepages`` where there are none.
``done`` comes last, when every Ethernet interface has an address or was given up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.device_model import ETHERNET
from vhost_tempest_plugin.topology.model import HugePages
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

_PREFIX = "vhost-guest: "
LAST_LINE = f"{_PREFIX}done"


@dataclass(frozen=True, order=True, slots=True)
class GuestCpu:
    """A CPU; *siblings* are the threads of its core, itself included."""

    id: int
    socket: int
    siblings: frozenset[int]


@dataclass(frozen=True, order=True, slots=True)
class GuestNode:
    """A NUMA node with the memory that its kernel manages."""

    id: int
    cpus: frozenset[int]
    memory_kib: int
    huge_pages: tuple[HugePages, ...] = ()


@dataclass(frozen=True, order=True, slots=True)
class GuestDevice:
    """A PCI function; *node* is None where the kernel says -1."""

    address: PciAddress
    id: PciId
    device_class: int
    node: int | None
    driver: str | None

    @property
    def is_nic(self) -> bool:
        """Whether it is an Ethernet controller."""
        return self.device_class >> 8 == ETHERNET


@dataclass(frozen=True, order=True, slots=True)
class Lease:
    """What DHCP gave to the interface of the function at *device*."""

    device: PciAddress
    mac: str
    address: IPv4Address
    server: IPv4Address


@dataclass(frozen=True, order=True, slots=True)
class Failure:
    """An interface without an address; *reason* is ``no-carrier`` or ``no-answer``."""

    device: PciAddress
    mac: str
    reason: str


@dataclass(frozen=True, slots=True)
class GuestReport:
    """All that a guest said; every tuple ascending.

    :param kernel: its release, empty where the guest has not got that far
    :param complete: the last line has been said
    """

    kernel: str
    cpus: tuple[GuestCpu, ...]
    nodes: tuple[GuestNode, ...]
    devices: tuple[GuestDevice, ...]
    leases: tuple[Lease, ...]
    failures: tuple[Failure, ...]
    complete: bool

    @property
    def nics(self) -> tuple[GuestDevice, ...]:
        """Its Ethernet controllers."""
        return tuple(device for device in self.devices if device.is_nic)


def parse(console: str) -> GuestReport:
    """The report in the text of a serial console, which may have been cut off anywhere.

    :raises HostError: a line of the report is not what init.c writes
    """
    facts = list(_facts(console))
    try:
        pages = [_huge_pages(words) for kind, words in facts if kind == "hugepages"]
        return GuestReport(
            kernel=next((words[0] for kind, words in facts if kind == "kernel"), ""),
            cpus=tuple(sorted(_cpu(words) for kind, words in facts if kind == "cpu")),
            nodes=tuple(sorted(_node(words, pages) for kind, words in facts if kind == "node")),
            devices=tuple(sorted(_device(words) for kind, words in facts if kind == "pci")),
            leases=tuple(sorted(_lease(words) for kind, words in facts if kind == "dhcp")),
            failures=tuple(sorted(_failure(words) for kind, words in facts if kind == "no-dhcp")),
            complete=any(kind == "done" for kind, _ in facts),
        )
    except (ValueError, KeyError, IndexError) as error:
        raise HostError(
            f"the nested guest's report cannot be read ({error})",
            hint="its serial console has more",
        ) from error


def _facts(console: str) -> Iterator[tuple[str, list[str]]]:
    """The kind and the words of each whole line of the report."""
    for line in console.splitlines(keepends=True):
        _, found, said = line.partition(_PREFIX)
        if found and said.endswith("\n") and said.split():
            kind, *words = said.split()
            yield kind, words


def _named(words: list[str]) -> dict[str, str]:
    """The words of the form ``name=value``."""
    return dict(word.split("=", 1) for word in words if "=" in word)


def _cpu(words: list[str]) -> GuestCpu:
    named = _named(words)
    return GuestCpu(int(words[0]), int(named["socket"]), cpuset.parse(named["siblings"]))


def _node(words: list[str], pages: list[tuple[int, HugePages]]) -> GuestNode:
    number = int(words[0])
    named = _named(words)
    return GuestNode(
        id=number,
        cpus=cpuset.parse(named["cpus"]),
        memory_kib=int(named["memory_kib"]),
        huge_pages=tuple(sorted(huge for node, huge in pages if node == number)),
    )


def _huge_pages(words: list[str]) -> tuple[int, HugePages]:
    named = _named(words)
    return int(named["node"]), HugePages(int(named["size_kib"]), int(named["total"]))


def _device(words: list[str]) -> GuestDevice:
    named = _named(words)
    node = int(named["node"])
    return GuestDevice(
        address=PciAddress.parse(words[0]),
        id=PciId.parse(words[1]),
        device_class=int(named["class"], 16),
        node=None if node < 0 else node,
        driver=named.get("driver"),
    )


def _lease(words: list[str]) -> Lease:
    return Lease(
        device=PciAddress.parse(words[0]),
        mac=words[1],
        address=IPv4Address(words[2]),
        server=IPv4Address(_named(words)["server"]),
    )


def _failure(words: list[str]) -> Failure:
    return Failure(PciAddress.parse(words[0]), words[1], _named(words)["reason"])
