# SPDX-License-Identifier: Apache-2.0
"""What the image is made of, by distribution: the one place that names packages."""

from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError

OS_RELEASE = Path("/etc/os-release")

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
class Distribution:
    """A release of a distribution.

    :param id: as os-release has it, ``debian``
    :param codename: its apt suite, ``bookworm``
    :param packages: what the image has, beside what they depend on
    :param origins: apt's names for the archives that the distribution itself makes
    """

    id: str
    codename: str
    packages: tuple[str, ...]
    origins: frozenset[str]


def parse(os_release: str) -> Distribution:
    """The distribution that the text of an os-release file names.

    :raises LocalError: for one whose packages are not known here
    """
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    identity = fields.get("ID", "").strip("\"'")
    codename = fields.get("VERSION_CODENAME", "").strip("\"'")
    if identity not in _KERNEL or not codename:
        raise LocalError(
            f"no image can be made from {identity or 'an unnamed system'!r} {codename!r};"
            f" the machine must run one of {', '.join(sorted(_KERNEL))}"
        )
    packages = tuple(sorted((*_COMMON, _KERNEL[identity])))
    return Distribution(identity, codename, packages, _ORIGINS[identity])


def here() -> Distribution:
    """The distribution of this machine.

    :raises LocalError: its packages are not known
    """
    try:
        return parse(OS_RELEASE.read_text())
    except OSError as error:
        raise LocalError(f"cannot read {OS_RELEASE}: {error.strerror}") from None
