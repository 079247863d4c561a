# SPDX-License-Identifier: Apache-2.0
"""How Nova is configured for a host, and what it must then report of it.

To Nova a NIC that has SR-IOV is a physical function (``type-PF``), whether its virtual ones
(``type-VF``) are enabled or not, and one that has none is ``type-PCI`` (nova/virt/libvirt/host.py,
``_get_device_type``).  Nova refuses to track a physical function together with its virtual ones
(nova/compute/pci_placement_translator.py), so a NIC with enabled ones is given to it as those.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from vhost_tempest_plugin.topology.device_model import DeviceModel
from vhost_tempest_plugin.topology.layout import Device, Layout
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

# Without these the scheduler does not see devices and NUMA nodes.
DEVICE_FILTERS = ("PciPassthroughFilter", "NUMATopologyFilter")
# nova/conf/scheduler.py, enabled_filters: the defaults, then those.
FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
    *DEVICE_FILTERS,
)


class DeviceType(StrEnum):
    """What a PCI function is to Nova; the column dev_type of its table pci_devices."""

    PCI = "type-PCI"
    PF = "type-PF"
    VF = "type-VF"


class NumaPolicy(StrEnum):
    """How near to the instance's CPUs a device must be (an alias's numa_policy)."""

    REQUIRED = "required"
    LEGACY = "legacy"
    PREFERRED = "preferred"
    SOCKET = "socket"


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """A kind of PCI function that an instance can ask for; its name is the alias's."""

    name: str
    id: PciId
    dev_type: DeviceType

    def alias(self, policy: NumaPolicy) -> str:
        """The name to ask for it by: the plain one is strict, the others say their policy."""
        return self.name if policy is NumaPolicy.REQUIRED else f"{self.name}-{policy}"


@dataclass(frozen=True, order=True, slots=True)
class PciDeviceRow:
    """A row of Nova's table pci_devices, as far as the topology decides it.

    :param vendor_id: four hexadecimal digits
    :param product_id: four hexadecimal digits
    :param numa_node: None where the host says -1
    """

    address: PciAddress
    vendor_id: str
    product_id: str
    numa_node: int | None
    dev_type: DeviceType


@dataclass(frozen=True, slots=True)
class CpuSets:
    """Which CPUs of a host Nova gives to instances with floating CPUs, and which to pinned ones."""

    shared: frozenset[int]
    dedicated: frozenset[int]


def kinds(model: DeviceModel) -> tuple[DeviceKind, ...]:
    """What a device can be given to an instance as: itself, or one of its virtual functions."""
    if model.sriov is None:
        return (DeviceKind(model.name, model.id, DeviceType.PCI),)
    return (
        DeviceKind(model.name, model.id, DeviceType.PF),
        DeviceKind(f"{model.name}-vf", model.sriov.id, DeviceType.VF),
    )


def aliases(layouts: Iterable[Layout]) -> tuple[str, ...]:
    """``[pci] alias``, a JSON object each: every kind of device of the hosts with every policy."""
    models = {device.model for layout in layouts for device in layout.devices}
    return tuple(
        _json(
            name=kind.alias(policy),
            **_ids(kind.id),
            device_type=kind.dev_type.value,
            numa_policy=policy.value,
        )
        for model in sorted(models)
        for kind in kinds(model)
        for policy in NumaPolicy
    )


def device_spec(layout: Layout) -> tuple[str, ...]:
    """``[pci] device_spec``, a JSON object each: every NIC, as itself or as its virtual functions.

    By vendor and product; by address only where the id is also that of NICs which must be
    left out, having virtual functions enabled.
    """
    entries: dict[str, None] = {}
    for device in layout.devices:
        kind, _ = _kind(device)
        ids = _ids(kind.id)
        mixed = any(other.model is device.model and other.vfs for other in layout.devices)
        if mixed and not device.vfs:
            entries[_json(**ids, address=str(device.address))] = None
        else:
            entries[_json(**ids)] = None
    return tuple(entries)


def expected_devices(layout: Layout) -> tuple[PciDeviceRow, ...]:
    """The rows that ``device_spec`` must lead to, ascending by address."""
    rows = []
    for device in layout.devices:
        kind, addresses = _kind(device)
        rows += [_row(kind, address, device.node) for address in addresses]
    return tuple(sorted(rows, key=lambda row: row.address))


def functions(layout: Layout) -> tuple[PciDeviceRow, ...]:
    """All functions that a host has of its NICs, virtual ones included, ascending by address.

    Whether Nova tracks one depends on its ``device_spec``.
    """
    rows = []
    for device in layout.devices:
        addresses = (device.address,), device.vf_addresses
        for kind, some in zip(kinds(device.model), addresses, strict=False):
            rows += [_row(kind, address, device.node) for address in some]
    return tuple(sorted(rows, key=lambda row: row.address))


def physical_functions(layout: Layout) -> Mapping[PciAddress, PciAddress]:
    """The physical function of each virtual one of a host."""
    return {vf: device.address for device in layout.devices for vf in device.vf_addresses}


def tracked(layouts: Iterable[Layout]) -> tuple[DeviceKind, ...]:
    """The kinds of devices that Nova can give away on hosts, that with most devices first."""
    layouts = tuple(layouts)
    known = {
        kind.name: kind
        for layout in layouts
        for device in layout.devices
        for kind in kinds(device.model)
    }
    counts = {
        name: sum(len(rows(layout, kind)) for layout in layouts) for name, kind in known.items()
    }
    names = sorted((name for name in known if counts[name]), key=lambda name: (-counts[name], name))
    return tuple(known[name] for name in names)


def rows(layout: Layout, kind: DeviceKind) -> tuple[PciDeviceRow, ...]:
    """Those of the expected devices that are of a kind."""
    return tuple(
        row
        for row in expected_devices(layout)
        if row.product_id == f"{kind.id.product:04x}" and row.dev_type is kind.dev_type
    )


def cpu_sets(layout: Layout) -> CpuSets:
    """A node's first cores for floating CPUs, its others for pinned ones.

    Half of them each, the odd core for the floating ones, so that every node with CPUs has
    some; the threads of a core stay together.
    """
    threads = layout.host.cpus.threads
    shared: set[int] = set()
    for node in layout.host.nodes:
        cores = sorted({cpu // threads for cpu in node.cpus})
        first = set(cores[: (len(cores) + 1) // 2])
        shared.update(cpu for cpu in node.cpus if cpu // threads in first)
    every = {cpu for node in layout.host.nodes for cpu in node.cpus}
    return CpuSets(frozenset(shared), frozenset(every - shared))


def _row(kind: DeviceKind, address: PciAddress, node: int | None) -> PciDeviceRow:
    return PciDeviceRow(address=address, numa_node=node, dev_type=kind.dev_type, **_ids(kind.id))


def _kind(device: Device) -> tuple[DeviceKind, tuple[PciAddress, ...]]:
    """As what a NIC is given to Nova, and where that is."""
    if device.vfs:
        return kinds(device.model)[-1], device.vf_addresses
    return kinds(device.model)[0], (device.address,)


def _ids(number: PciId) -> dict[str, str]:
    return {"vendor_id": f"{number.vendor:04x}", "product_id": f"{number.product:04x}"}


def _json(**words: str) -> str:
    return json.dumps(words)


def moved(layout: Layout, changed: Layout) -> tuple[PciAddress, ...]:
    """The devices that are on other nodes after a change."""
    before = {row.address: row.numa_node for row in expected_devices(layout)}
    return tuple(
        row.address
        for row in expected_devices(changed)
        if row.address in before and before[row.address] != row.numa_node
    )
