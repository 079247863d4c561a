# SPDX-License-Identifier: Apache-2.0
"""Where every controller and device of a host is.

On pcie.0 (index 0): the management NIC (with the uplink, if any, as its slot's next
function), the disk, the random number generator, then an
expander bus for each node that has NICs, then a root port for each NIC on no node.  On
each expander bus a root port for each of its NICs, at slots 0, 1, ...  Each NIC is at
slot 0 behind a root port of its own, so that it is alone in its IOMMU group.
"""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from vhost_tempest_plugin.topology import bus_numbers, validation
from vhost_tempest_plugin.topology.device_model import DeviceModel
from vhost_tempest_plugin.topology.hardware import (
    Cell,
    ControllerKind,
    Cpu,
    Endpoint,
    Hardware,
    Port,
    RootBus,
)
from vhost_tempest_plugin.topology.model import Binding, DeviceGroup, Host
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

MANAGEMENT = PciAddress(0, 1)
UPLINK = PciAddress(0, 1, 1)
DISK = PciAddress(0, 2)
RANDOM = PciAddress(0, 3)
_VIRTIO = 0x1AF4

# SeaBIOS gives each root port with a NIC an I/O window of 4 KiB, and has 60 KiB for all
# of pcie.0; where they run out it stops ("PCI: out of I/O address space").
BIOS_NICS = 14


class Firmware(StrEnum):
    """What boots the host: SeaBIOS, or OVMF where SeaBIOS has no room for the NICs."""

    BIOS = "bios"
    EFI = "efi"


@dataclass(frozen=True, order=True, slots=True)
class Controller:
    """A PCI controller.

    :param index: its number in libvirt, by which its children name it
    :param parent: the index of the controller it is on, None for pcie-root
    :param slot: its slot there
    :param node: its NUMA node, None for those under pcie-root
    :param guest_bus: the bus that it makes, as the guest numbers it
    """

    index: int
    kind: ControllerKind
    parent: int | None
    slot: int
    node: int | None
    guest_bus: int

    @property
    def chassis(self) -> int:
        """A root port's chassis number, unique as PCIe wants it."""
        return self.index

    @property
    def port(self) -> int:
        """A root port's port number, by libvirt's own rule (slot and function in a byte)."""
        return self.slot << 3


@dataclass(frozen=True, order=True, slots=True)
class Device:
    """A device of the topology.

    :param mac: of a NIC
    :param parent: the index of its root port
    :param slot: its slot behind it
    :param address: where the guest sees it
    :param vfs: the virtual functions to enable at boot
    :param binding: the driver that holds it after boot, or its virtual functions if it has any
    """

    model: DeviceModel
    mac: str | None
    parent: int
    slot: int
    node: int | None
    address: PciAddress
    vfs: int = 0
    binding: Binding = Binding.KERNEL

    @property
    def vf_addresses(self) -> tuple[PciAddress, ...]:
        """Where its enabled virtual functions are."""
        return self.model.vf_addresses(self.address, self.vfs)

    @property
    def vfio_addresses(self) -> tuple[PciAddress, ...]:
        """The functions that vfio-pci is to hold.

        Virtual functions live only as long as the kernel's driver holds their physical one.
        """
        if self.binding is not Binding.VFIO_PCI:
            return ()
        return self.vf_addresses or (self.address,)


@dataclass(frozen=True, slots=True)
class Layout:
    """A host and the places of its parts; controllers by index, devices by parent."""

    host: Host
    firmware: Firmware
    controllers: tuple[Controller, ...]
    devices: tuple[Device, ...]

    @property
    def management_mac(self) -> str:
        """The MAC address of the management NIC."""
        return self.host.management.mac or next(made_up_macs(self.host))

    def hardware(self) -> Hardware:
        """What the host's operating system must see."""
        host = self.host
        by_index = {controller.index: controller for controller in self.controllers}
        roots = (c for c in self.controllers if c.kind is not ControllerKind.PCIE_ROOT_PORT)
        ports = (
            Port(PciAddress(by_index[c.parent].guest_bus, c.slot), c.guest_bus)
            for c in self.controllers
            if c.kind is ControllerKind.PCIE_ROOT_PORT and c.parent is not None
        )
        grouped = host.iommu.model is not None
        return Hardware(
            cpus=_cpus(host),
            cells=tuple(
                Cell(node.id, node.cpus, node.memory_mib, node.distances, node.huge_pages)
                for node in host.nodes
            ),
            root_buses=tuple(sorted(RootBus(c.guest_bus, c.node) for c in roots)),
            ports=tuple(sorted(ports)),
            endpoints=tuple(
                sorted(
                    (e for device in self.devices for e in _endpoints(device, grouped)),
                    key=lambda endpoint: endpoint.address,
                )
            ),
        )


def lay_out(host: Host) -> Layout:
    """Give every controller and device of *host* its place; time is linear in their number.

    :raises TopologyError: the host cannot work
    """
    validation.validate(host)
    bus_of = bus_numbers.assign(host)
    controllers = [Controller(0, ControllerKind.PCIE_ROOT, None, 0, None, 0)]
    slots = itertools.count(RANDOM.slot + 1)
    parents: dict[int | None, Controller] = {None: controllers[0]}
    for node, bus in bus_of.items():
        expander = Controller(
            len(controllers), ControllerKind.PCIE_EXPANDER_BUS, 0, next(slots), node, bus
        )
        controllers.append(expander)
        parents[node] = expander
    macs = made_up_macs(host)
    if host.management.mac is None:
        next(macs)
    devices = []
    used: dict[int | None, int] = {}
    for node_id, group, mac in _devices(host, macs):
        parent = parents[node_id]
        number = used[node_id] = used.get(node_id, 0) + 1
        slot = next(slots) if node_id is None else number - 1
        bus = parent.guest_bus + number
        port = Controller(
            len(controllers), ControllerKind.PCIE_ROOT_PORT, parent.index, slot, node_id, bus
        )
        controllers.append(port)
        address = PciAddress(bus, 0)
        devices.append(
            Device(group.model, mac, port.index, 0, node_id, address, group.vfs, group.binding)
        )
    firmware = Firmware.BIOS if len(devices) <= BIOS_NICS else Firmware.EFI
    return Layout(host, firmware, tuple(controllers), tuple(devices))


def is_own(address: PciAddress, identity: PciId) -> bool:
    """Whether a function is the host's own, and not a device of its topology.

    Its own are on pcie-root itself; each device of a topology is behind a port.
    """
    return address.bus == 0 and identity.vendor == _VIRTIO


def made_up_macs(host: Host) -> Iterator[str]:
    """Locally administered addresses: the host's name in three octets, a number in two.

    The same for the same host, and none that its topology gives to a NIC.
    """
    given = {mac[: len("02:00:00:00")] for _, group in host.groups() for mac in group.macs}
    given.add((host.management.mac or "")[: len("02:00:00:00")])
    for salt in itertools.count():
        digest = hashlib.sha256(f"{host.name}/{salt}".encode()).digest()
        prefix = "02:" + digest[:3].hex(":")
        if prefix not in given:
            break
    for number in range(1 << 16):
        yield f"{prefix}:{number >> 8:02x}:{number & 0xFF:02x}"


def _devices(
    host: Host, macs: Iterator[str]
) -> Iterator[tuple[int | None, DeviceGroup, str | None]]:
    for node, group in host.groups():
        for i in range(group.count):
            if not group.model.is_nic:
                yield node, group, None
            else:
                yield node, group, group.macs[i] if group.macs else next(macs)


def _cpus(host: Host) -> tuple[Cpu, ...]:
    """QEMU numbers threads within cores within sockets (hw/i386/topology.h)."""
    arrangement = host.cpus
    cpus = []
    for cpu in range(arrangement.count):
        first = cpu - cpu % arrangement.threads
        socket = cpu // (arrangement.threads * arrangement.cores)
        cpus.append(Cpu(cpu, socket, frozenset(range(first, first + arrangement.threads))))
    return tuple(cpus)


def _endpoints(device: Device, grouped: bool) -> Iterator[Endpoint]:
    model = device.model
    held = set(device.vfio_addresses)

    def driver(address: PciAddress, kernel: str) -> str:
        return Binding.VFIO_PCI.value if address in held else kernel

    yield Endpoint(
        device.address,
        model.id,
        device.node,
        frozenset({device.address} if grouped else ()),
        driver(device.address, model.driver),
        model.max_vfs,
    )
    if model.sriov is None:
        return
    for address in device.vf_addresses:
        yield Endpoint(
            address,
            model.sriov.id,
            device.node,
            frozenset({address} if grouped else ()),
            driver(address, model.sriov.driver),
            0,
            device.address,
        )
