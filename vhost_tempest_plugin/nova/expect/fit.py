# SPDX-License-Identifier: Apache-2.0
"""Whether an instance's node fits a host's.

nova/virt/hardware.py, ``_numa_fit_instance_cell`` and ``_pack_instance_onto_cores``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from vhost_tempest_plugin.nova.expect.constraints import Constraints, InstanceCell
from vhost_tempest_plugin.nova.expect.host import HostNode
from vhost_tempest_plugin.nova.expect.limits import Limits
from vhost_tempest_plugin.nova.expect.outcome import CellFit
from vhost_tempest_plugin.nova.expect.reason import Shortage
from vhost_tempest_plugin.nova.load import NodeLoad
from vhost_tempest_plugin.nova.request import PageSize, ThreadPolicy

_KIB = 1024


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why not; *detail* has the numbers."""

    shortage: Shortage
    detail: str


def fit(
    asked: Constraints, cell: int, node: HostNode, load: NodeLoad, limits: Limits
) -> CellFit | Misfit:
    """The place of guest node number *cell* on a host's node that has a load."""
    want, reserved = asked.cells[cell], asked.reserved(cell)
    sizes = _page_sizes(asked, want, node, load)
    misfit = (
        _pages(asked, want, node, load, sizes)
        or _cpus(asked, want, reserved, node, load)
        or _overcommitted(asked, want, node, load, limits)
    )
    if misfit is not None:
        return misfit
    free = node.dedicated - load.pinned
    return CellFit(
        node=node.id,
        memory_mib=want.memory_mib,
        floating=want.floating,
        dedicated=want.dedicated,
        reserved=reserved,
        shared=node.shared,
        free=free,
        cores=tuple(core & free for core in node.cores if core & free),
        page_sizes_kib=sizes,
    )


def threads_a_core(cores: Iterable[frozenset[int]], cpus: int) -> tuple[int, ...]:
    """With how many threads of each core that many CPUs can be had, the most first.

    All cores but the last give equally many; Nova does not mix.
    """
    sizes = [len(core) for core in cores]
    return tuple(
        threads
        for threads in range(max(sizes, default=0), 0, -1)
        if threads * sum(size >= threads for size in sizes) >= cpus
    )


def _page_sizes(
    asked: Constraints, want: InstanceCell, node: HostNode, load: NodeLoad
) -> tuple[int, ...]:
    """Page sizes that the request allows and that the node has enough free pages of."""
    if asked.page_size is None:
        return ()
    need_kib = want.memory_mib * _KIB
    return tuple(
        size
        for size, total in reversed(node.pages)
        if _allowed(asked.page_size, size, node)
        and need_kib % size == 0
        and need_kib <= (total - load.used(size)) * size
    )


def _allowed(wanted: PageSize | int, size_kib: int, node: HostNode) -> bool:
    smallest = node.pages[0][0]
    if wanted is PageSize.ANY:
        return True
    if wanted is PageSize.SMALL:
        return size_kib == smallest
    if wanted is PageSize.LARGE:
        return size_kib != smallest
    return size_kib == wanted


def _pages(
    asked: Constraints, want: InstanceCell, node: HostNode, load: NodeLoad, sizes: tuple[int, ...]
) -> Misfit | None:
    if asked.page_size is not None:
        if sizes:
            return None
        free = ", ".join(f"{total - load.used(size)} of {size} KiB" for size, total in node.pages)
        return Misfit(
            Shortage.PAGES, f"{want.memory_mib} MiB on pages {str(asked.page_size)!r}; free: {free}"
        )
    # Of the smallest size; only dedicated CPUs forbid to promise the same memory twice.
    size, total = node.pages[0]
    pages = total - load.used(size) if asked.pinned else total
    if want.memory_mib * _KIB <= pages * size:
        return None
    return Misfit(Shortage.MEMORY, f"{want.memory_mib} MiB of {pages * size // _KIB}")


def _cpus(
    asked: Constraints, want: InstanceCell, reserved: int, node: HostNode, load: NodeLoad
) -> Misfit | None:
    if len(want.floating) > len(node.shared):
        return Misfit(
            Shortage.FLOATING_CPUS, f"{len(want.floating)} on {len(node.shared)} shared CPUs"
        )
    free = node.dedicated - load.pinned
    need = len(want.dedicated) + reserved
    if need > len(free):
        return Misfit(Shortage.DEDICATED_CPUS, f"{need} of {len(free)}")
    if want.dedicated and not _threads(asked.thread_policy, len(want.dedicated), node, free):
        return Misfit(
            Shortage.THREADS,
            f"{len(want.dedicated)} CPUs by {asked.thread_policy}, {node.threads} threads a core,"
            f" {len(free)} free",
        )
    return None


def _threads(policy: ThreadPolicy | None, cpus: int, node: HostNode, free: frozenset[int]) -> bool:
    if policy is ThreadPolicy.ISOLATE:
        # Where cores have several threads such an instance belongs on another host:
        # https://bugs.launchpad.net/nova/+bug/1889633
        return node.threads == 1
    if policy is ThreadPolicy.REQUIRE:
        ways = threads_a_core((core & free for core in node.cores), cpus)
        return node.threads > 1 and any(threads > 1 for threads in ways)
    return True


def _overcommitted(
    asked: Constraints, want: InstanceCell, node: HostNode, load: NodeLoad, limits: Limits
) -> Misfit | None:
    """Floating instances may together ask for more than there is, up to a limit."""
    if not asked.floating:
        return None
    vcpus, limit = load.floating_vcpus + len(want.floating), len(node.shared) * limits.cpu_ratio
    if vcpus > limit:
        return Misfit(
            Shortage.FLOATING_CPUS, f"{vcpus} with those of other instances, of {limit:g}"
        )
    mib, limit_mib = load.memory_mib + want.memory_mib, node.memory_mib * limits.ram_ratio
    if mib > limit_mib:
        return Misfit(Shortage.MEMORY, f"{mib} MiB with those of other instances, of {limit_mib:g}")
    return None
