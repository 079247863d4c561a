# SPDX-License-Identifier: Apache-2.0
"""What the image is made of, by distribution: the one place that names its packages."""

from dataclasses import dataclass

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host import distribution
from vhost_tempest_plugin.host.distribution import Distribution

_COMMON = (
    "busybox-static",
    "dbus",
    "hwloc-nox",
    "iproute2",
    "kmod",
    "libvirt-clients",
    "libvirt-daemon",
    "libvirt-daemon-config-network",
    "libvirt-daemon-driver-qemu",
    "libvirt-daemon-system",
    "numactl",
    "openssh-server",
    "pciutils",
    "qemu-system-x86",
    "systemd",
    "systemd-sysv",
    "udev",
    # What guests of a devstack get ordinary ports from: a switch, OVN's controller, the proxy of
    # Neutron's metadata agents, and what makes config drives.
    "conntrack",
    "genisoimage",
    "haproxy",
    "openvswitch-switch",
    "ovn-host",
    # What nova-compute runs beside that: its interpreter (the machine's own, so that a virtual
    # environment works in both) with the libvirt of the host, qemu-img, e2label, uptime.
    "e2fsprogs",
    "procps",
    "python3",
    "python3-libvirt",
    "qemu-utils",
    # By what whitebox-tempest-plugin's tests look at a host and change it.
    "crudini",
    "sudo",
)

# By the ID of os-release: the kernel's package, and the names (apt's "Origin") of the
# distribution's own archives.
_KERNEL = {"debian": "linux-image-amd64", "ubuntu": "linux-image-virtual"}
_ORIGINS = {
    "debian": frozenset({"Debian", "Debian Backports"}),
    "ubuntu": frozenset({"Ubuntu"}),
}

# Files that the host never reads; dpkg's path-exclude patterns.  The hook is left out
# because the image has an initramfs of its own and to make another costs 10 s and more.
EXCLUDED = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/bug/*",
    "/usr/share/lintian/*",
    "/etc/kernel/postinst.d/initramfs-tools",
    "/boot/System.map-*",
    *(
        f"*/lib/modules/*/kernel/{directory}/*"
        for directory in (
            "drivers/bluetooth",
            "drivers/comedi",
            "drivers/gpu",
            "drivers/iio",
            "drivers/infiniband",
            "drivers/media",
            "drivers/net/wireless",
            "drivers/platform",
            "drivers/staging",
            "net/bluetooth",
            "net/mac80211",
            "net/wireless",
            "sound",
        )
    ),
)


@dataclass(frozen=True, slots=True)
class ImageSource:
    """The release of a distribution that an image is made from.

    :param id: as os-release has it, ``debian``
    :param codename: its apt suite, ``bookworm``
    :param packages: what the image has, beside what they depend on
    :param origins: apt's names for the archives that the distribution itself makes
    """

    id: str
    codename: str
    packages: tuple[str, ...]
    origins: frozenset[str]


def of(system: Distribution) -> ImageSource:
    """What an image for *system* is made from.

    :raises LocalError: its packages are not known here
    """
    if system.id not in _KERNEL or not system.codename:
        raise LocalError(
            f"no image can be made from {system.id or 'an unnamed system'!r} {system.codename!r}",
            hint=f"the machine must run one of {', '.join(sorted(_KERNEL))}",
        )
    packages = tuple(sorted((*_COMMON, _KERNEL[system.id])))
    return ImageSource(system.id, system.codename, packages, _ORIGINS[system.id])


def here() -> ImageSource:
    """What an image for this machine is made from.

    :raises LocalError: the packages of its distribution are not known
    """
    return of(distribution.here())
