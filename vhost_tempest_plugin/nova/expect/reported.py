# SPDX-License-Identifier: Apache-2.0
"""What Placement must have of a host's devices with ``[pci] report_in_placement``.

nova/compute/pci_placement_translator.py: a provider for each device, or for the physical
function of virtual ones, below the host's own.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from vhost_tempest_plugin.nova import device_spec, pci_devices
from vhost_tempest_plugin.nova.device_spec import Entry
from vhost_tempest_plugin.nova.pci_devices import PciDeviceRow
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

# os-traits: what Nova marks its providers of devices with, and those of one use.
_TRAITS = frozenset({"COMPUTE_MANAGED_PCI_DEVICE", "OWNER_NOVA"})
_ONE_TIME_USE = "HW_PCI_ONE_TIME_USE"


@dataclass(frozen=True, order=True, slots=True)
class DeviceProvider:
    """A resource provider of Placement that stands for a device.

    :param device: the function that its name has: ``<host>_<address in upper case>``
    :param total: how many functions it has to give
    :param reserved: how many of them nobody may have
    """

    device: PciAddress
    resource_class: str
    total: int
    traits: frozenset[str]
    reserved: int = 0

    def name(self, host: str) -> str:
        """Its name below a host's own provider, which has the name *host*."""
        return f"{host}_{str(self.device).upper()}"


def device_providers(
    layout: Layout, entries: Iterable[Entry], taken: Collection[PciAddress] = ()
) -> tuple[DeviceProvider, ...]:
    """All of a host, ascending by address.

    :param entries: its ``device_spec``
    :param taken: devices that an instance has, or has had where they are for one use
    """
    physical = pci_devices.physical_functions(layout)
    known = device_spec.tracked(pci_devices.functions(layout), entries, physical)
    # Nova refuses to report one together with its virtual ones.
    shared = {physical[row.address] for row in known if row.address in physical}
    found: dict[PciAddress, list[tuple[PciDeviceRow, Entry]]] = {}
    for row, entry in known.items():
        if row.address in shared:
            continue
        found.setdefault(physical.get(row.address, row.address), []).append((row, entry))
    return tuple(sorted(_provider(device, some, taken) for device, some in found.items()))


def _provider(
    device: PciAddress, some: list[tuple[PciDeviceRow, Entry]], taken: Collection[PciAddress]
) -> DeviceProvider:
    row, entry = some[0]
    once = entry.one_time_use
    own = f"CUSTOM_PCI_{row.vendor_id}_{row.product_id}".upper()
    return DeviceProvider(
        device=device,
        resource_class=device_spec.custom(entry.resource_class) if entry.resource_class else own,
        total=len(some),
        traits=_TRAITS
        | {device_spec.custom(trait) for trait in entry.traits}
        | ({_ONE_TIME_USE} if once else frozenset()),
        reserved=len(some) if once and device in taken else 0,
    )
