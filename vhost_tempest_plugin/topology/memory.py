# SPDX-License-Identifier: Apache-2.0
"""Where a host's memory is, and how much of it huge pages can take.

QEMU's q35 puts up to 2.75 GiB below 4 GiB; of more, 2 GiB are below and the rest is
above (hw/i386/pc_q35.c, pc_q35_init).  Nodes lie in that space one after the other.
"""

from collections.abc import Iterator

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology.model import Host, HugePages, NumaNode

# Linux adds memory to a node by the section (x86: SECTION_SIZE_BITS is 27).
SECTION_MIB = 128
GIB_MIB = 1024
LOW_ALL_MIB = 2816
LOW_MIB = 2048
HIGH_BEGIN_MIB = 4096
SIZES_KIB = (2048, 1048576)
# Of its memory a node keeps a section, and 1/64 for the page structures (64 B a page).
_STRUCTURES = 64


def ranges(host: Host) -> Iterator[tuple[NumaNode, list[tuple[int, int]]]]:
    """Each node with the physical ranges (begin, end) in MiB of its memory."""
    total_mib = host.memory_mib
    low_mib = total_mib if total_mib < LOW_ALL_MIB else LOW_MIB
    begin = 0
    for node in host.nodes:
        end = begin + node.memory_mib
        low = (begin, min(end, low_mib))
        shift = HIGH_BEGIN_MIB - low_mib
        high = (max(begin, low_mib) + shift, end + shift)
        yield node, [(first, last) for first, last in (low, high) if first < last]
        begin = end


def validate(host: Host) -> None:
    """Return if every node has the memory that it needs.

    :raises TopologyError: for the first that has not
    """
    for index, node in enumerate(host.nodes):
        if node.memory_mib < SECTION_MIB or node.memory_mib % SECTION_MIB:
            raise TopologyError(
                f"node {index} has {node.memory_mib} MiB",
                ("nodes", index, "memory_mib"),
                hint=(
                    f"Linux takes memory in sections of {SECTION_MIB} MiB, use a multiple of that"
                ),
            )
    low_mib = LOW_MIB if host.memory_mib >= LOW_ALL_MIB else host.memory_mib
    for node, places in ranges(host):
        if node.huge_pages:
            _huge_pages(node, places, low_mib)


def _huge_pages(node: NumaNode, places: list[tuple[int, int]], low_mib: int) -> None:
    key = ("nodes", node.id, "hugepages")
    sizes = [pages.size_kib for pages in node.huge_pages]
    if sizes != sorted(set(sizes)) or not set(sizes) <= set(SIZES_KIB):
        raise TopologyError(
            f"node {node.id} has huge pages of {', '.join(map(str, sizes))} KiB",
            key,
            hint=(
                f"x86 has {SIZES_KIB[0]} and {SIZES_KIB[1]} KiB, give each once, the smaller first"
            ),
        )
    if any(pages.count < 1 for pages in node.huge_pages):
        counts = ", ".join(str(pages.count) for pages in node.huge_pages)
        raise TopologyError(f"node {node.id} has {counts} huge pages", key, hint="use 1 or more")
    wanted_mib = sum(pages.size_kib * pages.count for pages in node.huge_pages) // 1024
    kept_mib = SECTION_MIB + node.memory_mib // _STRUCTURES
    if wanted_mib + kept_mib > node.memory_mib:
        shown = " + ".join(f"{p.count} x {p.size_kib} KiB" for p in node.huge_pages)
        raise TopologyError(
            f"huge pages of node {node.id} need {wanted_mib} MiB ({shown}), it has "
            f"{node.memory_mib} MiB of which the kernel needs {kept_mib}",
            key,
            hint="use fewer pages or more memory",
        )
    _gibibyte_pages(node, places, low_mib)


def _gibibyte_pages(node: NumaNode, places: list[tuple[int, int]], low_mib: int) -> None:
    wanted = _count(node.huge_pages, SIZES_KIB[1])
    room = sum(1 for _ in _free_gibibytes(places, low_mib))
    if wanted > room:
        where = ", ".join(f"{first} to {last}" for first, last in places)
        raise TopologyError(
            f"node {node.id} has {wanted} huge pages of 1 GiB, its memory (MiB {where}) has {room} "
            "whole ones that the kernel, its boot data and firmware leave",
            ("nodes", node.id, "hugepages"),
            hint="use fewer or give the node more memory",
        )


def _free_gibibytes(places: list[tuple[int, int]], low_mib: int) -> Iterator[int]:
    """The aligned ones, less the kernel's (the first), those with ACPI tables and the initrd
    (the end of low memory), and the one at the node's end where its own structures go.
    """
    end_mib = places[-1][1]
    for first, last in places:
        for begin in range(-(-first // GIB_MIB) * GIB_MIB, last - GIB_MIB + 1, GIB_MIB):
            taken = (0, low_mib - 1, end_mib - 1)
            if not any(begin <= mib < begin + GIB_MIB for mib in taken):
                yield begin


def _count(huge_pages: tuple[HugePages, ...], size_kib: int) -> int:
    return sum(pages.count for pages in huge_pages if pages.size_kib == size_kib)
