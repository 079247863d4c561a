# SPDX-License-Identifier: Apache-2.0
"""What the vhost command runs, and the packages that have it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.util import process


@dataclass(frozen=True, order=True, slots=True)
class Tool:
    """A program, or a file where *name* has a slash (a shell pattern).

    :param apt: the package of Debian and Ubuntu
    :param dnf: the package of Fedora and CentOS; empty where there is none
    :param efi: only for hosts that need OVMF
    :param users: only for users other than root
    :param optional: the host itself does without
    """

    name: str
    apt: str
    dnf: str
    purpose: str
    efi: bool = False
    users: bool = False
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


_QEMU = (
    Tool("qemu-system-x86_64", "qemu-system-x86", "qemu-system-x86-core", "runs the host"),
    Tool("qemu-img", "qemu-utils", "qemu-img", "makes the host's disk"),
)
# libvirt's driver is no program: whether it is here shows in whether libvirt answers.
EMULATOR = (
    *_QEMU,
    Tool(
        "libvirt_driver_qemu.so",
        "libvirt-daemon-driver-qemu",
        "libvirt-daemon-driver-qemu",
        "starts QEMU",
    ),
)
_LAB = "runs in a lab; a host does without"
LAB = (
    Tool("mariadbd", "mariadb-server-core", "mariadb-server", _LAB, optional=True),
    Tool("rabbitmq-server", "rabbitmq-server", "rabbitmq-server", _LAB, optional=True),
)
_KERNEL = "builds the nested guest's kernel"
TOOLS = (
    *_QEMU,
    Tool("/usr/share/*/OVMF_CODE*.fd", "ovmf", "edk2-ovmf", "boots many NICs", efi=True),
    Tool("mmdebstrap", "mmdebstrap", "mmdebstrap", "builds the host's root file system"),
    Tool("mkfs.ext4", "e2fsprogs", "e2fsprogs", "makes it a disk"),
    Tool("fakeroot", "fakeroot", "fakeroot", "keeps its files' owners", users=True),
    Tool("newuidmap", "uidmap", "shadow-utils", "gives it several users", users=True),
    Tool("ssh", "openssh-client", "openssh-clients", "reaches the host"),
    Tool("ssh-keygen", "openssh-client", "openssh", "makes its keys"),
    Tool("gcc", "gcc", "gcc", _KERNEL),
    Tool("make", "make", "make", _KERNEL),
    Tool("flex", "flex", "flex", _KERNEL),
    Tool("bison", "bison", "bison", _KERNEL),
    Tool("bc", "bc", "bc", _KERNEL),
    Tool("xz", "xz-utils", "xz", _KERNEL),
    Tool("/usr/include/libelf.h", "libelf-dev", "elfutils-libelf-devel", _KERNEL),
    Tool("/usr/src/linux-source-*.tar.*", "linux-source", "", _KERNEL),
    *LAB,
    Tool("ip", "iproute2", "iproute", "makes networks between hosts", optional=True),
    Tool("dot", "graphviz", "graphviz", "draws", optional=True),
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution by its ID and ID_LIKE (os-release(5))."""

    families: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "Distribution":
        """Read an os-release file."""
        lines = (line.partition("=") for line in text.splitlines())
        values = {key: value.strip("\"'") for key, _, value in lines}
        words = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}"
        return cls(frozenset(words.split()))

    def install(self, tools: Iterable[Tool]) -> str:
        """What to type to have *tools*."""
        tools = tuple(tools)
        if self.families & {"debian", "ubuntu"}:
            return f"apt-get install {_names(tool.apt for tool in tools)}"
        if self.families & {"fedora", "rhel", "centos"}:
            packaged = _names(tool.dnf for tool in tools)
            if packaged:
                return f"dnf install {packaged}"
        return f"install what Debian calls {_names(tool.apt for tool in tools)}"


def this_distribution() -> Distribution:
    """The one that runs here; without an os-release file, none."""
    for path in (Path("/etc/os-release"), Path("/usr/lib/os-release")):
        if path.exists():
            return Distribution.parse(path.read_text())
    return Distribution(frozenset())


def absent() -> frozenset[Tool]:
    """The tools that this machine lacks."""
    return frozenset(tool for tool in TOOLS if not tool.is_here())


def _names(packages: Iterable[str]) -> str:
    return " ".join(sorted({package for package in packages if package}))
