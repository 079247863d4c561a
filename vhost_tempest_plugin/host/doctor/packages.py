# SPDX-License-Identifier: Apache-2.0
"""What the vhost command runs, and the packages that have it.

The packages are those of ``bindep.txt``, which has a profile for each program.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from bindep.depends import Depends

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host.distribution import Distribution
from vhost_tempest_plugin.util import process

# bindep's names for the kinds of packages.
DPKG, RPM = "platform:dpkg", "platform:rpm"


@dataclass(frozen=True, order=True, slots=True)
class Tool:
    """A program, or a file where *name* has a slash (a shell pattern).

    :param profile: that of bindep.txt which lists its package; by default called as the program
    :param efi: only for hosts that need OVMF
    :param optional: the host itself does without
    """

    name: str
    purpose: str
    profile: str = ""
    efi: bool = False
    optional: bool = False

    def is_here(self) -> bool:
        """Whether this machine has it."""
        if "/" in self.name:
            return any(Path("/").glob(self.name.removeprefix("/")))
        try:
            process.which(self.name)
        except LocalError:
            return False
        return True

    def packages(self, kind: str) -> tuple[str, ...]:
        """The packages that have it.

        :param kind: DPKG or RPM
        """
        rules = _depends().active_rules([self.profile or self.name, kind])
        return tuple(rule[0] for rule in rules)


_QEMU = (
    Tool("qemu-system-x86_64", "runs the host", "qemu-system"),
    Tool("qemu-img", "makes the host's disk"),
)
# libvirt's driver is no program: whether it is here shows in whether libvirt answers.
EMULATOR = (*_QEMU, Tool("libvirt_driver_qemu.so", "starts QEMU", "libvirt-driver-qemu"))
_LAB = "runs in a lab; a host does without"
LAB = (
    Tool("mariadbd", _LAB, optional=True),
    Tool("mariadb-install-db", _LAB, optional=True),
    Tool("rabbitmq-server", _LAB, optional=True),
    Tool("pkg-config", "finds libvirt for the lab's environment", optional=True),
    Tool("libvirtd", "is part of a lab's version; serves networks", optional=True),
)
_KERNEL = "builds the nested guest's kernel"
_BASE = "is part of every system"
_DEVSTACK = "controls devstack's services"
TOOLS = (
    *_QEMU,
    Tool("/usr/share/*/OVMF_CODE*.fd", "boots many NICs", "ovmf", efi=True),
    Tool("mmdebstrap", "builds the host's root file system"),
    Tool("apt-get", "finds its archives"),
    Tool("apt-config", "finds its archives"),
    Tool("tar", "unpacks it"),
    Tool("mkfs.ext4", "makes it a disk"),
    Tool("fakeroot", "keeps its files' owners"),
    Tool("newuidmap", "gives it several users"),
    Tool("zstd", "unpacks its kernel"),
    Tool("lz4", "unpacks a kernel that is packed with it", optional=True),
    Tool("setfacl", "opens files to root's commands", optional=True),
    Tool("unshare", "builds it apart from the machine"),
    Tool("setpriv", "ends programs with the one that started them"),
    Tool("ssh", "reaches the host"),
    Tool("scp", "copies files to it"),
    Tool("ssh-keygen", "makes its keys"),
    Tool("gcc", _KERNEL),
    Tool("make", _KERNEL),
    Tool("flex", _KERNEL),
    Tool("bison", _KERNEL),
    Tool("bc", _KERNEL),
    Tool("strip", _KERNEL),
    Tool("xz", _KERNEL),
    Tool("/usr/include/libelf.h", _KERNEL, "libelf"),
    Tool("/usr/src/linux-source-*.tar.*", _KERNEL, "linux-source"),
    Tool("cp", _BASE),
    Tool("env", _BASE),
    *LAB,
    Tool("git", "reads the version of a Nova under test", optional=True),
    Tool("ip", "makes networks between hosts", optional=True),
    Tool("dot", "draws", optional=True),
    Tool("sudo", _DEVSTACK, optional=True),
    Tool("systemctl", _DEVSTACK, optional=True),
)


def install(distribution: Distribution, tools: Iterable[Tool]) -> str:
    """What to type to have *tools*."""
    tools = tuple(tools)
    if distribution.families & {"debian", "ubuntu"}:
        return f"apt-get install {_names(tools, DPKG)}"
    if distribution.families & {"fedora", "rhel", "centos"} and (names := _names(tools, RPM)):
        return f"dnf install {names}"
    return f"install what Debian calls {_names(tools, DPKG)}"


def absent() -> frozenset[Tool]:
    """The tools that this machine lacks."""
    return frozenset(tool for tool in TOOLS if not tool.is_here())


def _names(tools: Iterable[Tool], kind: str) -> str:
    return " ".join(sorted({name for tool in tools for name in tool.packages(kind)}))


@functools.cache
def _depends() -> Depends:
    """The list, which takes a second to read."""
    return Depends(resources.files(__package__).joinpath("bindep.txt").read_text(encoding="utf-8"))
