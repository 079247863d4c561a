# SPDX-License-Identifier: Apache-2.0
"""What Nova must do with a request."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping

from vhost_tempest_plugin.nova.expect import device_pools
from vhost_tempest_plugin.nova.expect.constraints import ConflictError, Constraints, resolve
from vhost_tempest_plugin.nova.expect.fit import Misfit, fit
from vhost_tempest_plugin.nova.expect.host import NovaHost, seen_by_nova
from vhost_tempest_plugin.nova.expect.limits import Limits
from vhost_tempest_plugin.nova.expect.outcome import (
    CellFit,
    Choice,
    DevicePools,
    Expectation,
    Placed,
    Refused,
)
from vhost_tempest_plugin.nova.expect.reason import Shortage
from vhost_tempest_plugin.nova.load import Load
from vhost_tempest_plugin.nova.pci_devices import DeviceKind
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.topology.layout import Layout

_DEFAULT = Limits()


def expectation(
    layout: Layout,
    request: Request,
    load: Load,
    limits: Limits = _DEFAULT,
    memory_kib: Mapping[int, int] | None = None,
) -> Expectation:
    """What Nova must do with *request* on a host that has a load, and no other host.

    :param memory_kib: the memory of each node as measured; by default the topology's, of which
        a real node lacks what its kernel and firmware have kept
    """
    host = seen_by_nova(layout, memory_kib)
    try:
        asked = resolve(request)
    except ConflictError as error:
        return Refused(error.conflict)
    return _too_much(asked, host, load, limits) or _placed(asked, host, load, limits)


def _too_much(asked: Constraints, host: NovaHost, load: Load, limits: Limits) -> Refused | None:
    """What the host as a whole lacks: Placement's part, and that of the PciPassthroughFilter."""
    # With dedicated CPUs alone Placement is asked a second time, for any CPUs
    # (nova/scheduler/manager.py), and the nodes decide.
    vcpus, cpus = load.all_vcpus + asked.floating, len(host.shared)
    if asked.floating and (asked.floating > cpus or vcpus > cpus * limits.cpu_ratio):
        return Refused(Shortage.VCPUS, f"{vcpus} with those of other instances, on {cpus} CPUs")
    mib = load.all_memory_mib + asked.memory_mib
    limit_mib = (host.memory_mib - limits.reserved_mib) * limits.ram_ratio
    if asked.memory_mib > host.memory_mib or mib > limit_mib:
        return Refused(
            Shortage.TOTAL_MEMORY, f"{mib} MiB with those of other instances, of {limit_mib:g}"
        )
    wanted: Counter[DeviceKind] = Counter()
    for want in asked.wants:
        wanted[want.kind] += want.count
    for kind, count in wanted.items():
        there = len(device_pools.free(host, kind, load.devices))
        if count > there:
            return Refused(Shortage.DEVICES, f"{count} of {kind.name}, {there} free")
    return None


def _placed(asked: Constraints, host: NovaHost, load: Load, limits: Limits) -> Expectation:
    if not asked.cells:
        found = device_pools.pools(host, asked.wants, load.devices, None)
        return _outcome(asked, host, [Choice((), found or ())])
    if len(asked.cells) > len(host.nodes):
        return Refused(Shortage.NODES, f"{len(asked.cells)} of {len(host.nodes)}")
    fits = [
        [fit(asked, cell, node, load.of(node.id), limits) for node in host.nodes]
        for cell in range(len(asked.cells))
    ]
    for cell, row in enumerate(fits):
        misfits = [one for one in row if isinstance(one, Misfit)]
        if len(misfits) == len(row):
            return _homeless(cell, misfits)
    assignments = list(_assignments(fits))
    if not assignments:
        return Refused(Shortage.SEPARATE_NODES, f"{len(asked.cells)} guest nodes")
    known: dict[frozenset[int], tuple[DevicePools, ...] | None] = {}
    choices = []
    for cells in assignments:
        nodes = frozenset(cell_fit.node for cell_fit in cells)
        if nodes not in known:
            known[nodes] = device_pools.pools(host, asked.wants, load.devices, nodes)
        found = known[nodes]
        if found is not None:
            choices.append(Choice(cells, found))
    if choices:
        return _outcome(asked, host, choices)
    places = " or ".join(",".join(map(str, sorted(nodes))) for nodes in known)
    wants = ", ".join(f"{want.count} of {want.kind.name} {want.policy}" for want in asked.wants)
    return Refused(Shortage.AFFINITY, f"{wants} for an instance on nodes {places}")


def _outcome(asked: Constraints, host: NovaHost, choices: list[Choice]) -> Placed:
    return Placed(tuple(choices), asked.thread_policy, asked.emulator_policy, host.shared)


def _homeless(cell: int, misfits: list[Misfit]) -> Refused:
    """A guest node fits no node; each of these says why."""
    shortages = {misfit.shortage for misfit in misfits}
    details = "; ".join(f"node {i}: {misfit.detail}" for i, misfit in enumerate(misfits))
    shortage = shortages.pop() if len(shortages) == 1 else Shortage.ONE_NODE
    return Refused(shortage, f"guest node {cell} fits none: {details}")


def _assignments(fits: list[list[CellFit | Misfit]]) -> Iterator[tuple[CellFit, ...]]:
    """Every way to give each guest node a host's node of its own that it fits."""
    for nodes in itertools.permutations(range(len(fits[0])), len(fits)):
        chosen = [fits[cell][node] for cell, node in enumerate(nodes)]
        cells = tuple(cell_fit for cell_fit in chosen if isinstance(cell_fit, CellFit))
        if len(cells) == len(chosen):
            yield cells
