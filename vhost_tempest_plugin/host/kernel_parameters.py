# SPDX-License-Identifier: Apache-2.0
"""The kernel's command line on a host (Documentation/admin-guide/kernel-parameters.txt).

``vhost.*`` is for the image's own start-up, the kernel passes it over:
``vhost.sriov=<address>=<vfs>,...`` are the virtual functions to enable, then
``vhost.vfio=<address>,...`` the functions to bind to vfio-pci.
"""

from collections.abc import Iterator

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology.layout import Firmware, Layout
from vhost_tempest_plugin.topology.model import Host

# The kernel reads 2047 (arch/x86/include/asm/setup.h, COMMAND_LINE_SIZE); the rest is for
# what every host gets: its console and root.
_LONGEST_CHARS = 1900
_SIZES = {2048: "2M", 1048576: "1G"}


def command_line(layout: Layout) -> str:
    """The kernel parameters that make the host's system what the topology says.

    :raises TopologyError: they are longer than the kernel reads
    """
    line = " ".join(_parameters(layout))
    if len(line) > _LONGEST_CHARS:
        vfio = sum(len(device.vfio_addresses) for device in layout.devices)
        raise TopologyError(
            f"the kernel's command line has room for {_LONGEST_CHARS} characters and would need "
            f"{len(line)} to name {vfio} functions for vfio-pci, virtual functions and huge pages",
            ("nodes",),
            hint="leave more NICs to the kernel's driver",
        )
    return line


def _parameters(layout: Layout) -> Iterator[str]:
    iommu = layout.host.iommu
    if iommu.model is not None:
        yield from iommu.model.kernel_parameters
        if not iommu.interrupt_remapping:
            # Else vfio refuses every device; the article's workaround.
            yield "vfio_iommu_type1.allow_unsafe_interrupts=1"
    if layout.firmware is Firmware.EFI:
        # OVMF runs out of I/O ports and then gives most expander buses no memory either;
        # their ACPI windows are empty, and the kernel has to be free to go outside them.
        yield "pci=nocrs"
    yield from _huge_pages(layout.host)
    sriov = [f"{device.address}={device.vfs}" for device in layout.devices if device.vfs]
    if sriov:
        yield f"vhost.sriov={','.join(sriov)}"
    vfio = [str(address) for device in layout.devices for address in device.vfio_addresses]
    if vfio:
        yield f"vhost.vfio={','.join(vfio)}"


def _huge_pages(host: Host) -> Iterator[str]:
    """By size and node, since Linux 5.16."""
    counts: dict[int, list[str]] = {}
    for node in host.nodes:
        for pages in node.huge_pages:
            counts.setdefault(pages.size_kib, []).append(f"{node.id}:{pages.count}")
    for size_kib, of_nodes in sorted(counts.items()):
        yield f"hugepagesz={_SIZES[size_kib]} hugepages={','.join(of_nodes)}"
