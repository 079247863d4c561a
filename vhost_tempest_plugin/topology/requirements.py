# SPDX-License-Identifier: Apache-2.0
"""Which QEMU and libvirt a host needs."""

from collections.abc import Iterator
from dataclasses import dataclass

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.topology import devices
from vhost_tempest_plugin.topology.model import Host

Version = tuple[int, int]


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
    :param hint: what to do where they are older
    """

    feature: str
    floor: Versions
    hint: str


# Debian 12's, the oldest that this program is tested with.
BASE = VersionFloor(
    "an emulated NUMA host", Versions((7, 2), (9, 0)), "use a newer release of the distribution"
)
# QEMU 9.0: x2APIC under emulation too; before, "eim=on requires accel=kvm,kernel-irqchip=split".
_X2APIC = Versions((9, 0), (9, 0))


def floors(host: Host) -> Iterator[VersionFloor]:
    """What *host* needs."""
    yield BASE
    for model in sorted({group.model for _, group in host.groups()}):
        floor = Versions(model.qemu_floor, model.libvirt_floor)
        if not BASE.floor.reaches(floor):
            yield VersionFloor(
                f"the device {model.name}",
                floor,
                f"install newer ones (on Debian 12 from its backports), or use {_everywhere()}",
            )


def validate(host: Host, versions: Versions) -> None:
    """Return if *versions* can run *host*.

    :raises LocalError: something is too old; with all numbers
    """
    for need in floors(host):
        if not versions.reaches(need.floor):
            raise LocalError(
                f"{need.feature} needs {need.floor}, and here are {versions}",
                hint=need.hint,
            )


def has_x2apic(host: Host, versions: Versions) -> bool:
    """Whether *host* is to have x2APIC, for which its IOMMU must remap interrupts."""
    return host.iommu.interrupt_remapping and versions.reaches(_X2APIC)


def _everywhere() -> str:
    """The models that the oldest QEMU and libvirt have."""
    return " or ".join(
        model.name
        for model in devices.MODELS.values()
        if BASE.floor.reaches(Versions(model.qemu_floor, model.libvirt_floor))
    )


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
