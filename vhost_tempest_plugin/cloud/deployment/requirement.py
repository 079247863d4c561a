# SPDX-License-Identifier: Apache-2.0
"""What hardware a test needs, as a value, and whether a host has it.

A test says what it needs beside its name (``scenario.requires``); from that and a topology alone
follows which tests must run there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import DeviceType, PciDeviceRow
from vhost_tempest_plugin.topology.device_model import DeviceModel
from vhost_tempest_plugin.topology.layout import Layout


@dataclass(frozen=True, slots=True)
class TestEnvironment:
    """What tests run on.

    :param layouts: of each compute host
    :param capabilities: of the deployment's driver; none without one
    :param features: what tempest.conf says of it
    """

    layouts: tuple[Layout, ...]
    capabilities: frozenset[DriverCapability] = frozenset()
    features: frozenset[TempestFeature] = frozenset()


@dataclass(frozen=True, slots=True)
class HardwareRequirement:
    """Something that a test needs.

    :param words: what, as in ``2 NUMA nodes with CPUs``
    :param least: how much of it
    :param found: how much there is; of several hosts the one with most counts
    """

    words: str
    least: int
    found: Callable[[TestEnvironment], int]

    def unmet(self, environment: TestEnvironment) -> str:
        """What is missing, with the numbers; empty where nothing is."""
        there = self.found(environment)
        return "" if there >= self.least else f"needs {self.words}, has {there}"


def unmet(
    required: tuple[HardwareRequirement, ...], environment: TestEnvironment
) -> tuple[str, ...]:
    """All that is missing."""
    return tuple(unmet for requirement in required if (unmet := requirement.unmet(environment)))


def hosts(count: int) -> HardwareRequirement:
    """That many compute hosts."""
    return HardwareRequirement(
        f"{count} compute hosts", count, lambda environment: len(environment.layouts)
    )


def nodes(count: int) -> HardwareRequirement:
    """A host with that many NUMA nodes that have CPUs."""

    def found(layout: Layout) -> int:
        return sum(bool(node.cpus) for node in layout.host.nodes)

    return _most(f"{count} NUMA nodes with CPUs", count, found)


def sockets_of_nodes(count: int) -> HardwareRequirement:
    """A socket with that many NUMA nodes."""

    def found(layout: Layout) -> int:
        hardware = layout.hardware()
        socket = {cpu.id: cpu.socket for cpu in hardware.cpus}
        counts: dict[int, set[int]] = {}
        for cell in hardware.cells:
            for cpu in cell.cpus:
                counts.setdefault(socket[cpu], set()).add(cell.id)
        return max((len(cells) for cells in counts.values()), default=0)

    return _most(f"{count} NUMA nodes in a socket", count, found)


def local_devices(count: int) -> HardwareRequirement:
    """A NUMA node with that many devices that Nova can give away."""
    return _most(f"{count} devices on one NUMA node", count, lambda found: _devices(found)[-1])


def device_nodes(count: int) -> HardwareRequirement:
    """That many NUMA nodes with CPUs and devices."""
    return _most(
        f"{count} NUMA nodes with CPUs and devices",
        count,
        lambda layout: sum(bool(number) for number in _devices(layout)),
    )


def deviceless_nodes(count: int) -> HardwareRequirement:
    """That many NUMA nodes with CPUs and without devices."""
    return _most(
        f"{count} NUMA nodes with CPUs and no devices",
        count,
        lambda layout: sum(not number for number in _devices(layout)),
    )


def off_node_devices(count: int) -> HardwareRequirement:
    """That many devices on no NUMA node."""

    def found(layout: Layout) -> int:
        return sum(row.numa_node is None for row in _rows(layout))

    return _most(f"{count} devices on no NUMA node", count, found)


def devices(count: int) -> HardwareRequirement:
    """That many devices in all."""
    return _most(f"{count} devices", count, lambda layout: len(_rows(layout)))


def whole_devices(count: int) -> HardwareRequirement:
    """That many devices of one kind that are no virtual functions."""

    def found(layout: Layout) -> int:
        kinds = [k for k in pci_devices.tracked([layout]) if k.dev_type is not DeviceType.VF]
        return max((len(pci_devices.rows(layout, kind)) for kind in kinds), default=0)

    return _most(f"{count} devices that are no virtual functions", count, found)


def device_kinds(count: int) -> HardwareRequirement:
    """That many kinds of devices that Nova can give away."""

    def found(layout: Layout) -> int:
        return len(pci_devices.tracked([layout]))

    return _most(f"{count} kinds of devices", count, found)


def dedicated_cpus(count: int) -> HardwareRequirement:
    """That many CPUs on one NUMA node for pinned servers."""

    def found(layout: Layout) -> int:
        sets = pci_devices.cpu_sets(layout)
        return max(len(node.cpus & sets.dedicated) for node in layout.host.nodes)

    return _most(f"{count} dedicated CPUs on one NUMA node", count, found)


def threads(count: int) -> HardwareRequirement:
    """That many threads a core."""
    return _most(f"{count} threads a core", count, lambda layout: layout.host.cpus.threads)


def cpus_beside_devices(count: int) -> HardwareRequirement:
    """A NUMA node with devices and that many CPUs for servers with floating ones."""

    def found(layout: Layout) -> int:
        shared = pci_devices.cpu_sets(layout).shared
        near = {row.numa_node for row in _rows(layout)}
        counts = (len(node.cpus & shared) for node in layout.host.nodes if node.id in near)
        return max(counts, default=0)

    return _most(f"{count} shared CPUs on a NUMA node with devices", count, found)


def huge_pages(size_kib: int, count: int = 1) -> HardwareRequirement:
    """A NUMA node with that many huge pages of a size."""

    def found(layout: Layout) -> int:
        return max(
            sum(pages.count for pages in node.huge_pages if pages.size_kib == size_kib)
            for node in layout.host.nodes
        )

    return _most(f"{count} pages of {size_kib} KiB on one NUMA node", count, found)


def device_model(model: DeviceModel) -> HardwareRequirement:
    """A device of that model."""

    def found(layout: Layout) -> int:
        return sum(device.model is model for device in layout.devices)

    return _most(f"a device of model {model}", 1, found)


def deployment(*capabilities: DriverCapability) -> HardwareRequirement:
    """A driver of the deployment that can do all of that."""
    wanted = frozenset(capabilities)
    words = ", ".join(sorted(ability.value for ability in wanted))
    return HardwareRequirement(
        f"{len(wanted)} capabilities of [vhost]driver ({words})",
        len(wanted),
        lambda environment: len(wanted & environment.capabilities),
    )


def feature(wanted: TempestFeature) -> HardwareRequirement:
    """An option of tempest.conf that is true."""
    section, option = wanted.split(".")
    return HardwareRequirement(
        f"[{section}]{option}", 1, lambda environment: int(wanted in environment.features)
    )


def resize() -> HardwareRequirement:
    """One host, or hosts that servers can be moved between: a resize chooses among all."""

    def found(environment: TestEnvironment) -> int:
        return int(
            len(environment.layouts) == 1 or TempestFeature.COLD_MIGRATION in environment.features
        )

    return HardwareRequirement("one host, or [compute-feature-enabled]cold_migration", 1, found)


def _most(words: str, count: int, found: Callable[[Layout], int]) -> HardwareRequirement:
    return HardwareRequirement(
        words,
        count,
        lambda environment: max((found(each) for each in environment.layouts), default=0),
    )


def _rows(layout: Layout) -> tuple[PciDeviceRow, ...]:
    """The devices of the kind of which there are most: tests ask for one kind unless they say."""
    kinds = pci_devices.tracked([layout])
    return pci_devices.rows(layout, kinds[0]) if kinds else ()


def _devices(layout: Layout) -> list[int]:
    """How many devices each NUMA node with CPUs has, ascending."""
    rows = _rows(layout)
    return sorted(
        sum(row.numa_node == node.id for row in rows) for node in layout.host.nodes if node.cpus
    )
