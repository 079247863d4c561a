# SPDX-License-Identifier: Apache-2.0
"""Which QEMU and libvirt a host needs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.topology.model import Host, IommuModel
from vhost_tempest_plugin.topology.pci import DeviceModel

Version = tuple[int, int]

_NEWER = "install newer ones (on Debian 12 from its backports)"


@dataclass(frozen=True, slots=True)
class Versions:
    """What a machine has."""

    qemu: Version
    libvirt: Version

    def __str__(self) -> str:
        return f"QEMU {_dotted(self.qemu)}, libvirt {_dotted(self.libvirt)}"

    def reaches(self, floor: "Versions") -> bool:
        """Whether both are at least *floor*."""
        return self.qemu >= floor.qemu and self.libvirt >= floor.libvirt


@dataclass(frozen=True, slots=True)
class VersionFloor:
    """Something of a host that not every QEMU and libvirt has.

    :param floor: the first that have it
    :param essential: without it the host cannot be; else it is another host
    :param without: what to do, or what is done, where it lacks
    """

    feature: str
    floor: Versions
    essential: bool
    without: str


# The floors of the article: pcie-expander-bus with a node, and its controllers in libvirt.
BASE = VersionFloor("an emulated NUMA host", Versions((2, 7), (2, 3)), True, _NEWER)
# https://libvirt.org/formatdomain.html#iommu-devices; QEMU's changelogs 2.7, 2.9 and 4.0.
INTERRUPT_REMAPPING = VersionFloor(
    "interrupt remapping",
    Versions((2, 7), (3, 4)),
    False,
    "the host gets none, and vfio is told to allow unsafe interrupts in it",
)
# QEMU 9.0: x2APIC under emulation too; before, "eim=on requires accel=kvm,kernel-irqchip=split".
X2APIC = VersionFloor(
    "x2APIC",
    Versions((9, 0), (3, 4)),
    False,
    "interrupts are acknowledged through memory, and one in thousands may be lost under emulation",
)
CACHING_MODE = VersionFloor("the IOMMU's caching mode", Versions((2, 9), (3, 4)), True, _NEWER)
ADDRESS_WIDTH = VersionFloor("the IOMMU's address width", Versions((4, 0), (6, 5)), True, _NEWER)


def needs(host: Host) -> Iterator[VersionFloor]:
    """What *host* needs, the essential first."""
    yield BASE
    for model in sorted({group.model for _, group in host.groups()}):
        yield _device(model)
    if host.iommu.model is IommuModel.INTEL:
        if host.iommu.caching_mode:
            yield CACHING_MODE
        if host.iommu.address_width_bits != 39:
            yield ADDRESS_WIDTH
        if host.iommu.interrupt_remapping:
            yield INTERRUPT_REMAPPING


def validate(host: Host, versions: Versions) -> None:
    """Return if *versions* can run *host*.

    :raises LocalError: something essential lacks; with all numbers
    """
    for need in needs(host):
        if need.essential and not versions.reaches(need.floor):
            raise LocalError(
                f"{need.feature} needs {need.floor}, and here are {versions}",
                hint=need.without,
            )


def adapted(host: Host, versions: Versions) -> Host:
    """*host* without what is not essential and *versions* cannot do.

    Without interrupt remapping vfio needs the article's workaround, which ``cmdline`` applies.

    :raises LocalError: something essential lacks; with all numbers
    """
    validate(host, versions)
    if host.iommu.interrupt_remapping and not versions.reaches(INTERRUPT_REMAPPING.floor):
        return replace(host, iommu=replace(host.iommu, interrupt_remapping=False))
    return host


def has_x2apic(host: Host, versions: Versions) -> bool:
    """Whether *host* is to have x2APIC, for which its IOMMU must remap interrupts."""
    return host.iommu.interrupt_remapping and versions.reaches(X2APIC.floor)


def _device(model: DeviceModel) -> VersionFloor:
    without = _NEWER if model is DeviceModel.E1000E else f"{_NEWER}, or use e1000e"
    return VersionFloor(
        f"the device {model.value}", Versions(model.qemu_floor, model.libvirt_floor), True, without
    )


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
