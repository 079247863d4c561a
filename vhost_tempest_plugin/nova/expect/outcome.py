# SPDX-License-Identifier: Apache-2.0
"""What Nova must do with a request: place the instance in one of these ways, or refuse it."""

from dataclasses import dataclass

from vhost_tempest_plugin.nova.expect.observation import InstanceNode, Observation
from vhost_tempest_plugin.nova.expect.reason import Conflict, Shortage
from vhost_tempest_plugin.nova.pci_devices import DeviceKind
from vhost_tempest_plugin.nova.request import EmulatorPolicy, ThreadPolicy
from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class CellFit:
    """How a NUMA node of an instance fits a node of the host.

    :param node: the host's node
    :param floating: guest CPUs that float, over the host CPUs *shared*
    :param dedicated: guest CPUs that are pinned, each to a host CPU of its own of *free*
    :param reserved: how many more of *free* the emulator has for itself
    :param cores: the CPUs of *free* by core
    :param page_sizes_kib: those that Nova may choose, its favourite first; none where the
        request does not care
    """

    node: int
    memory_mib: int
    floating: frozenset[int]
    dedicated: frozenset[int]
    reserved: int
    shared: frozenset[int]
    free: frozenset[int]
    cores: tuple[frozenset[int], ...]
    page_sizes_kib: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DevicePools:
    """The free devices of one kind (Nova's ``PciDeviceStats.pools``), and how many may be taken.

    :param groups: the free devices by how near they are: on the instance's nodes, elsewhere in
        their sockets, on no node, far away; without NUMA nodes of the guest all are near
    :param takes: how many of each group may be taken together, one of these ways
    :param certain: whether Nova finds one whatever order it has the devices in
    """

    kind: DeviceKind
    groups: tuple[frozenset[PciAddress], ...]
    takes: frozenset[tuple[int, ...]]
    certain: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to place an instance: a fit for each of its nodes, and devices."""

    cells: tuple[CellFit, ...]
    pools: tuple[DevicePools, ...]

    @property
    def nodes(self) -> tuple[int, ...]:
        """The host's node of each of the instance's."""
        return tuple(cell_fit.node for cell_fit in self.cells)

    @property
    def certain(self) -> bool:
        """Whether nothing but the order of the devices, which is Nova's, can spoil it."""
        return all(pool.certain for pool in self.pools)


def example(choice: Choice) -> Observation:
    """What is seen of a server that is placed in this way; one of several possibilities."""
    nodes = tuple(
        InstanceNode(
            node=fit.node,
            pins=dict(zip(sorted(fit.dedicated), sorted(fit.free), strict=False)),
            floating=fit.shared if fit.floating else None,
            memory_mib=fit.memory_mib,
            page_size_kib=fit.page_sizes_kib[0] if fit.page_sizes_kib else None,
        )
        for fit in choice.cells
    )
    devices = (
        address
        for pools in choice.pools
        for group, count in zip(pools.groups, min(pools.takes), strict=True)
        for address in sorted(group)[:count]
    )
    return Observation(nodes, frozenset(devices))


@dataclass(frozen=True, slots=True)
class Placed:
    """The instance runs, in one of these ways; ascending by nodes.

    :param shared: the CPUs of the whole host that instances float over
    """

    choices: tuple[Choice, ...]
    thread_policy: ThreadPolicy | None
    emulator_policy: EmulatorPolicy | None
    shared: frozenset[int]

    @property
    def certain(self) -> bool:
        """Whether Nova must find one.

        It need not where an alias with a looser policy is served before a stricter one and
        may take the last near device: which one depends on the order of Nova's list.
        """
        return any(choice.certain for choice in self.choices)


@dataclass(frozen=True, slots=True)
class Refused:
    """The instance does not run: the API refuses it, or no host is found.

    :param detail: the numbers
    """

    reason: Conflict | Shortage
    detail: str = ""


Expectation = Placed | Refused
