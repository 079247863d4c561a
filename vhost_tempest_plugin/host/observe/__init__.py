# SPDX-License-Identifier: Apache-2.0
"""What a host says about itself, in the types that the layout promises it in.

The command of ``sysfs.argv`` is run inside the host in one go; ``read`` makes an Observation of it.
libvirt's view is ``libvirt_view``'s.
"""

from dataclasses import dataclass

from vhost_tempest_plugin.host.observe import hardware, sysfs
from vhost_tempest_plugin.host.observe.kernel_log import KernelLog
from vhost_tempest_plugin.topology.hardware import Hardware
from vhost_tempest_plugin.topology.pci import PciAddress

_ACPI_TABLES = "/sys/firmware/acpi/tables/"


@dataclass(frozen=True, slots=True)
class Observation:
    """A host as its kernel sees it.

    :param mem_total_kib: (node, the kernel's MemTotal) ascending by node
    :param groups: function to the number of its IOMMU group
    :param enabled_vfs: (physical function, sriov_numvfs)
    :param command_line: the kernel's
    :param cpu_flags: those of the first CPU
    :param acpi_tables: by which the firmware describes the hardware, such as DMAR
    :param vfio_pci: whether the driver vfio-pci is loaded
    :param unsafe_interrupts: vfio's allow_unsafe_interrupts, None where vfio is not loaded
    :param kvm_device: whether there is a /dev/kvm
    :param kvm_modules: the loaded modules whose name begins with kvm
    """

    hardware: Hardware
    mem_total_kib: tuple[tuple[int, int], ...]
    groups: dict[PciAddress, int]
    enabled_vfs: dict[PciAddress, int]
    command_line: tuple[str, ...]
    cpu_flags: frozenset[str]
    kernel_log: KernelLog
    acpi_tables: frozenset[str]
    vfio_pci: bool
    unsafe_interrupts: bool | None
    kvm_device: bool
    kvm_modules: frozenset[str]


def read(text: str) -> Observation:
    """Read what the command of ``sysfs.argv`` printed.

    :raises HostError: something in it has no known form
    """
    found = sysfs.parse(text)
    unsafe = found.values.get("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts")
    flags = found.values.get("/proc/cpuinfo", "").rpartition(":")[2]
    return Observation(
        hardware=hardware.read(found),
        mem_total_kib=hardware.mem_total_kib(found),
        groups=hardware.groups(found),
        enabled_vfs={
            sysfs.convert("PCI address", address, PciAddress.parse): count
            for address, count in found.find("(.+)/sriov_numvfs", int)
        },
        command_line=tuple(found.values.get("/proc/cmdline", "").split()),
        cpu_flags=frozenset(flags.split()),
        kernel_log=KernelLog(found.log),
        acpi_tables=frozenset(
            path.removeprefix(_ACPI_TABLES)
            for path in found.present
            if path.startswith(_ACPI_TABLES)
        ),
        vfio_pci="/sys/bus/pci/drivers/vfio-pci" in found.present,
        unsafe_interrupts=None if unsafe is None else unsafe == "Y",
        kvm_device="/dev/kvm" in found.present,
        kvm_modules=frozenset(
            path.rpartition("/")[2] for path in found.present if path.startswith("/sys/module/kvm")
        ),
    )
