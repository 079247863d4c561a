# SPDX-License-Identifier: Apache-2.0
"""What a request comes to once flavor and image are brought together.

nova/virt/hardware.py, ``numa_get_constraints``, in its order: where several things are wrong
Nova reports the first one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from vhost_tempest_plugin.nova.expect.reason import Conflict
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, NumaPolicy
from vhost_tempest_plugin.nova.request import (
    CpuPolicy,
    EmulatorPolicy,
    PageSize,
    Request,
    ThreadPolicy,
)


@dataclass(frozen=True, slots=True)
class InstanceCell:
    """A NUMA node of an instance (Nova's ``InstanceNUMACell``): its CPUs by policy, its memory."""

    floating: frozenset[int]
    dedicated: frozenset[int]
    memory_mib: int


@dataclass(frozen=True, slots=True)
class DeviceWant:
    """Some devices of a kind (Nova's ``InstancePCIRequest``), as near as *policy* says."""

    kind: DeviceKind
    count: int
    policy: NumaPolicy


@dataclass(frozen=True, slots=True)
class Constraints:
    """What flavor and image ask for together, without contradictions.

    :param cells: its NUMA nodes; none leaves everything to the host's kernel
    :param wants: devices, in the order in which Nova serves them
    """

    vcpus: int
    memory_mib: int
    cells: tuple[InstanceCell, ...]
    cpu_policy: CpuPolicy
    thread_policy: ThreadPolicy | None
    emulator_policy: EmulatorPolicy | None
    page_size: PageSize | int | None
    wants: tuple[DeviceWant, ...]

    @property
    def pinned(self) -> bool:
        """Whether some of its CPUs are dedicated."""
        return self.cpu_policy is not CpuPolicy.SHARED

    @property
    def floating(self) -> int:
        """How many of its CPUs float."""
        if not self.cells:
            return self.vcpus
        return sum(len(cell.floating) for cell in self.cells)

    def reserved(self, cell: int) -> int:
        """How many CPUs of the host its emulator has for itself, on the host's node of *cell*.

        Always that of guest node 0 (nova/virt/hardware.py, ``numa_fit_instance_to_host``).
        """
        return int(self.emulator_policy is EmulatorPolicy.ISOLATE and cell == 0)


class ConflictError(Exception):
    """A request contradicts itself."""

    def __init__(self, conflict: Conflict) -> None:
        super().__init__(conflict.value)
        self.conflict = conflict


def resolve(request: Request) -> Constraints:
    """What the request comes to.

    :raises ConflictError: it contradicts itself
    """
    cpu_policy = _cpu_policy(request)
    thread_policy = _thread_policy(request)
    _mask(request)
    _consistent(request, cpu_policy, thread_policy)
    _refuse(Conflict.NODE_COUNTS, None not in (request.nodes, request.image.nodes))
    page_size = _page_size(request)
    nodes = request.nodes or request.image.nodes
    cells: tuple[InstanceCell, ...] = ()
    if nodes or page_size or cpu_policy is not CpuPolicy.SHARED:
        cells = _cells(request, nodes or 1, cpu_policy)
    return Constraints(
        vcpus=request.vcpus,
        memory_mib=request.memory_mib,
        cells=cells,
        cpu_policy=cpu_policy,
        thread_policy=thread_policy,
        emulator_policy=request.emulator_policy,
        page_size=page_size,
        wants=tuple(_wants(request)),
    )


def _refuse(conflict: Conflict, when: bool) -> None:
    if when:
        raise ConflictError(conflict)


def _cpu_policy(request: Request) -> CpuPolicy:
    """The flavor's goes first, and an image may not ask for more dedicated CPUs than it."""
    flavor, image = request.cpu_policy, request.image.cpu_policy
    stricter = {
        CpuPolicy.SHARED: (CpuPolicy.MIXED, CpuPolicy.DEDICATED),
        CpuPolicy.MIXED: (CpuPolicy.DEDICATED,),
    }
    _refuse(Conflict.CPU_POLICIES, flavor is not None and image in stricter.get(flavor, ()))
    return flavor or image or CpuPolicy.SHARED


def _thread_policy(request: Request) -> ThreadPolicy | None:
    flavor, image = request.thread_policy, request.image.thread_policy
    if flavor in (None, ThreadPolicy.PREFER):
        return flavor or image
    _refuse(Conflict.THREAD_POLICIES, image not in (None, flavor))
    return flavor


def _mask(request: Request) -> None:
    mask, every = request.dedicated_mask, frozenset(range(request.vcpus))
    _refuse(Conflict.DEDICATED_MASK, bool(mask) and not mask < every)


def _consistent(request: Request, cpu: CpuPolicy, threads: ThreadPolicy | None) -> None:
    mask = bool(request.dedicated_mask)
    if cpu is CpuPolicy.SHARED:
        isolated = request.emulator_policy is EmulatorPolicy.ISOLATE
        _refuse(Conflict.THREADS_OF_SHARED, threads is not None)
        _refuse(Conflict.EMULATOR_OF_SHARED, isolated)
    _refuse(Conflict.MASK_WITHOUT_MIXED, cpu is not CpuPolicy.MIXED and mask)
    _refuse(Conflict.MIXED_WITHOUT_MASK, cpu is CpuPolicy.MIXED and not mask)


def _page_size(request: Request) -> PageSize | int | None:
    """An image may only choose where the flavor leaves it a choice."""
    flavor, image = request.page_size, request.image.page_size
    if image is None:
        return flavor
    _refuse(Conflict.PAGE_SIZES, flavor not in (PageSize.ANY, PageSize.LARGE))
    return image


def _cells(request: Request, nodes: int, policy: CpuPolicy) -> tuple[InstanceCell, ...]:
    every = frozenset(range(request.vcpus))
    dedicated = every if policy is CpuPolicy.DEDICATED else request.dedicated_mask
    cpus, memory = request.node_cpus, request.node_memory_mib
    if not cpus and not memory:
        uneven = request.vcpus % nodes or request.memory_mib % nodes
        _refuse(Conflict.UNEVEN_NODES, bool(uneven))
        share = request.vcpus // nodes
        cpus = tuple(frozenset(range(i * share, (i + 1) * share)) for i in range(nodes))
        memory = (request.memory_mib // nodes,) * nodes
    _refuse(Conflict.HALF_DESCRIBED_NODES, not len(cpus) == len(memory) == nodes)
    _whole(request, cpus, memory)
    return tuple(
        InstanceCell(some - dedicated, some & dedicated, mib)
        for some, mib in zip(cpus, memory, strict=True)
    )


def _whole(request: Request, cpus: Iterable[frozenset[int]], memory: Iterable[int]) -> None:
    left = set(range(request.vcpus))
    for some in cpus:
        for cpu in sorted(some):
            _refuse(Conflict.CPU_BEYOND, cpu >= request.vcpus)
            _refuse(Conflict.CPU_TWICE, cpu not in left)
            left.remove(cpu)
    _refuse(Conflict.CPU_LEFT_OUT, bool(left))
    _refuse(Conflict.MEMORY_SUM, sum(memory) != request.memory_mib)


def _wants(request: Request) -> Iterable[DeviceWant]:
    """The policy for all devices, if there is one, goes before those of the aliases."""
    kinds = [device.kind for device in request.devices]
    _refuse(Conflict.UNKNOWN_ALIAS, None in kinds)
    flavor, image = request.pci_policy, request.image.pci_policy
    _refuse(Conflict.PCI_POLICIES, None not in (flavor, image) and flavor is not image)
    every = flavor or image
    for kind, device in zip(kinds, request.devices, strict=True):
        if kind is not None:
            yield DeviceWant(kind, device.count, every or device.policy)
