# SPDX-License-Identifier: Apache-2.0
"""Whether what was seen is what Nova must do."""

from collections.abc import Iterable, Iterator

from vhost_tempest_plugin.nova.expect.fit import threads_a_core
from vhost_tempest_plugin.nova.expect.observation import InstanceNode, Observation, Rejection
from vhost_tempest_plugin.nova.expect.outcome import (
    CellFit,
    Choice,
    DevicePools,
    Expectation,
    Placed,
    Refused,
)
from vhost_tempest_plugin.nova.expect.reason import Conflict
from vhost_tempest_plugin.nova.request import EmulatorPolicy, ThreadPolicy
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.pci import PciAddress

_SHOWN = 12


def admits(expected: Expectation, seen: Observation | Rejection) -> tuple[str, ...]:
    """The facts in which what was seen differs from what is expected; none where it agrees."""
    if isinstance(expected, Refused):
        return tuple(_refused(expected, seen))
    if isinstance(seen, Rejection):
        if seen.http_status is None and not expected.certain:
            return ()
        return (f"it was refused ({_words(seen)}), but may be {_places(expected)}",)
    choice = next(
        (c for c in expected.choices if c.nodes == tuple(node.node for node in seen.nodes)), None
    )
    if choice is None:
        nodes = ",".join(str(node.node) for node in seen.nodes) or "no node in particular"
        return (f"it is on {nodes}, but may be {_places(expected)}",)
    return tuple(_placed(expected, choice, seen))


def threads_taken(cores: Iterable[frozenset[int]], cpus: frozenset[int]) -> tuple[int, ...]:
    """With how many threads of each core *cpus* may have been had; see ``threads_a_core``."""
    cores = tuple(cores)
    used = sorted((len(core & cpus), len(core)) for core in cores if core & cpus)
    return tuple(
        threads
        for threads in threads_a_core(cores, len(cpus))
        if all(size >= threads >= taken for taken, size in used)
        and sum(taken < threads for taken, _ in used) <= 1
    )


def _refused(expected: Refused, seen: Observation | Rejection) -> Iterator[str]:
    reason = f"{expected.reason.name}: {expected.detail or expected.reason.value}"
    if isinstance(seen, Observation):
        yield f"it runs, but must be refused ({reason})"
        return
    status = expected.reason.http_status if isinstance(expected.reason, Conflict) else None
    if seen.http_status != status:
        how = f"HTTP {status}" if status else "no valid host"
        yield f"it was refused ({_words(seen)}), but must be with {how} ({reason})"


def _placed(expected: Placed, choice: Choice, seen: Observation) -> Iterator[str]:
    for cell, (cell_fit, node) in enumerate(zip(choice.cells, seen.nodes, strict=True)):
        for fact in (*_cpus(expected, cell_fit, node), *_memory(cell_fit, node)):
            yield f"guest node {cell} on node {cell_fit.node}: {fact}"
    yield from _emulator(expected, choice, seen)
    yield from _devices(choice, seen.devices)


def _cpus(expected: Placed, cell_fit: CellFit, node: InstanceNode) -> Iterator[str]:
    pins = frozenset(node.pins.values())
    if frozenset(node.pins) != cell_fit.dedicated or len(pins) != len(cell_fit.dedicated):
        yield f"pinned {_pins(node)}, but {_set(cell_fit.dedicated)} must have CPUs of their own"
    elif not pins <= cell_fit.free:
        yield f"pinned to {_set(pins)}, but free are {_set(cell_fit.free)}"
    elif (
        expected.thread_policy is ThreadPolicy.REQUIRE
        and pins
        and not any(threads > 1 for threads in threads_taken(cell_fit.cores, pins))
    ):
        yield f"pinned to {_set(pins)}, which are not threads of the same cores"
    if node.floating is not None and cell_fit.floating and node.floating != cell_fit.shared:
        yield f"floats over {_set(node.floating)}, but must over {_set(cell_fit.shared)}"


def _memory(cell_fit: CellFit, node: InstanceNode) -> Iterator[str]:
    if node.memory_mib not in (None, cell_fit.memory_mib):
        yield f"{node.memory_mib} MiB, but must have {cell_fit.memory_mib}"
    sizes = cell_fit.page_sizes_kib
    if sizes and node.page_size_kib is not None and node.page_size_kib not in sizes:
        yield f"pages of {node.page_size_kib} KiB, but may have {' or '.join(map(str, sizes))}"


def _emulator(expected: Placed, choice: Choice, seen: Observation) -> Iterator[str]:
    if seen.emulator is None or not choice.cells:
        return
    pins = frozenset(cpu for node in seen.nodes for cpu in node.pins.values())
    if expected.emulator_policy is EmulatorPolicy.ISOLATE:
        cell_fit = choice.cells[0]
        if len(seen.emulator) != cell_fit.reserved or not seen.emulator <= cell_fit.free - pins:
            yield (
                f"its emulator is on {_set(seen.emulator)}, but must have a CPU of its own "
                f"of {_set(cell_fit.free - pins)}"
            )
        return
    if expected.emulator_policy is EmulatorPolicy.SHARE and expected.shared:
        must = expected.shared
    else:
        must = pins.union(*(cell_fit.shared for cell_fit in choice.cells if cell_fit.floating))
    if seen.emulator != must:
        yield f"its emulator is on {_set(seen.emulator)}, but must be on {_set(must)}"


def _devices(choice: Choice, seen: frozenset[PciAddress]) -> Iterator[str]:
    free = frozenset[PciAddress]().union(*(_all(pools) for pools in choice.pools))
    if seen - free:
        yield f"it has {_list(seen - free)}, which it did not ask for or another instance has"
    for pools in choice.pools:
        took = tuple(len(seen & group) for group in pools.groups)
        if took not in pools.takes:
            must = " or ".join(_take(take) for take in sorted(pools.takes))
            yield f"of {pools.kind.name} it has {_take(took)}, but must have {must}"


def _all(pools: DevicePools) -> frozenset[PciAddress]:
    return frozenset[PciAddress]().union(*pools.groups)


def _take(take: tuple[int, ...]) -> str:
    places = ("on its nodes", "in their sockets", "on no node", "far away")
    words = [f"{count} {place}" for count, place in zip(take, places, strict=True) if count]
    return " and ".join(words) or "none"


def _places(expected: Placed) -> str:
    words = [",".join(map(str, choice.nodes)) or "any node" for choice in expected.choices]
    more = len(words) - _SHOWN
    return "on " + " or ".join([*words[:_SHOWN], *([f"in {more} more ways"] if more > 0 else [])])


def _words(seen: Rejection) -> str:
    how = f"HTTP {seen.http_status}" if seen.http_status else "no valid host"
    return f"{how}: {seen.message}" if seen.message else how


def _pins(node: InstanceNode) -> str:
    return ", ".join(f"{vcpu} to {cpu}" for vcpu, cpu in sorted(node.pins.items())) or "is nothing"


def _set(cpus: Iterable[int]) -> str:
    return cpuset.format(cpus) or "none"


def _list(addresses: Iterable[PciAddress]) -> str:
    return ", ".join(map(str, sorted(addresses)))
