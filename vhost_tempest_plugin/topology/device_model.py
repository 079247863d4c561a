# SPDX-License-Identifier: Apache-2.0
"""What a device model is; the models themselves are in ``devices/``, one module each."""

from dataclasses import dataclass

from vhost_tempest_plugin.topology.pci import PciAddress, PciId

# PCI Code and ID Assignment 1.16, 1.3: base class 02h is network controllers, and 0200h Ethernet.
NETWORK = 0x02
ETHERNET = 0x0200


@dataclass(frozen=True, order=True, slots=True)
class Sriov:
    """The virtual functions that a device model can have.

    :param id: theirs, which all of them have
    :param driver: the kernel driver that takes one
    :param total_vfs: sriov_totalvfs, how many there can be
    :param offset: the routing id of the first, from that of the physical function on
    :param stride: from one to the next (PCIe 6.0, 9.3.3.9 and 9.3.3.10)
    """

    id: PciId
    driver: str
    total_vfs: int
    offset: int
    stride: int


@dataclass(frozen=True, order=True, slots=True, repr=False)
class DeviceModel:
    """A device that QEMU emulates and Nova can pass through.

    :param name: in topology files and in Nova's aliases; libvirt's and QEMU's too
    :param id: of the (physical) function
    :param class_code: its base class and sub-class, such as 0x0200 for Ethernet
    :param driver: the kernel driver that takes it, which is also the name of its module
    :param kernel_options: what the nested guest's kernel needs to drive it and its virtual
        functions, such as ``CONFIG_E1000E``
    :param qemu_floor: the first QEMU that has it, as (major, minor)
    :param libvirt_floor: the first libvirt that knows it
    :param sriov: None without SR-IOV
    """

    name: str
    id: PciId
    class_code: int
    driver: str
    kernel_options: tuple[str, ...]
    qemu_floor: tuple[int, int]
    libvirt_floor: tuple[int, int]
    sriov: Sriov | None = None

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<device model {self.name}>"

    @property
    def is_nic(self) -> bool:
        """Whether it is a network controller, which has a MAC address."""
        return self.class_code >> 8 == NETWORK

    @property
    def max_vfs(self) -> int:
        """How many virtual functions it can have, 0 without SR-IOV."""
        return self.sriov.total_vfs if self.sriov else 0

    def vf_addresses(self, pf: PciAddress, count: int) -> tuple[PciAddress, ...]:
        """Where the first *count* virtual functions of the function at *pf* are."""
        sriov = self.sriov
        if sriov is None:
            return ()
        return tuple(pf.offset(sriov.offset + index * sriov.stride) for index in range(count))
