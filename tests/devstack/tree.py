# SPDX-License-Identifier: Apache-2.0
"""A root file system of Debian 13 that devstack can be run in."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from vhost_tempest_plugin.host.image import apt_settings, archives, distribution
from vhost_tempest_plugin.util import process

SUITE = "trixie"
STACK = "stack"
# Its home is devstack's directory too.
HOME = Path("opt/stack")
PACKAGES = (
    *("systemd", "systemd-sysv", "libpam-systemd", "dbus", "sudo", "locales", "tzdata"),
    *("apt-utils", "ca-certificates", "curl", "git", "iproute2", "iputils-ping", "kmod", "less"),
    *("lsb-release", "netbase", "openssh-client", "openssl", "procps", "python3"),
    *("python3-venv", "wget"),
)
# What is downloaded once for all trees, and the images that a stack.sh has built.
KEPT = {
    "apt": Path("var/cache/apt/archives"),
    "pip-root": Path("root/.cache/pip"),
    "pip": HOME / ".cache/pip",
    "vhost": HOME / ".cache/vhost",
}
_DEVICES = "c /dev/kvm 0666 root root - 10:232\nd /dev/net 0755 root root -\n"
_DEVICES += "c /dev/net/tun 0666 root root - 10:200\n"
_HOSTS = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
_OWN_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_PIP = Path("/etc/pip.conf")
# The machine's network and clock are its own business, nobody logs in by them, and /tmp is not to
# take memory.
_MASKED = (
    *("ssh.service", "ssh.socket", "systemd-networkd.service", "systemd-timesyncd.service"),
    "tmp.mount",
)
_BUILD_S = 1800.0


def pristine(root: Path) -> Path:
    """The archive of one that nothing was done to, downloaded where there is none."""
    archive = root / "pristine.tar"
    if not archive.exists():
        partial = root / "pristine.partial.tar"
        words = ["mmdebstrap", "--mode=root", "--variant=minbase", "--components=main"]
        with tempfile.TemporaryDirectory() as work:
            words.append(apt_settings.hook(archives.settings(), Path(work)))
            # The tree's users may need them too.
            words.append(f'--customize-hook=chmod 644 "$1"/{apt_settings.FILE}')
            words += [f"--include={','.join(PACKAGES)}", SUITE, str(partial)]
            process.run(words, input_text="\n".join(_sources()), timeout_s=_BUILD_S)
        partial.rename(archive)
    return archive


def _sources() -> Iterator[str]:
    """This machine's, for the other release."""
    here = distribution.here()
    for archive in archives.own(here):
        if not archive.suite.endswith("-backports"):
            suite = archive.suite.replace(here.codename, SUITE)
            yield replace(archive, suite=suite).stanza()


def renew(root: Path, tree: Path, machine: str) -> None:
    """Make the tree anew from the archive, ready to be booted.

    :param root: where the archive is, and what was downloaded
    :param machine: its name
    """
    archive = pristine(root)
    discard(tree)
    tree.mkdir()
    process.run(["tar", "--extract", "--numeric-owner", "-f", archive, "-C", tree])
    _configure(tree, machine)
    for name, place in KEPT.items():
        (root / "cache" / name).mkdir(parents=True, exist_ok=True)
        (tree / place).mkdir(parents=True, exist_ok=True)
    words = ["chown", "--recursive", f"{STACK}:{STACK}", f"/{HOME}/.cache"]
    process.run(["chroot", tree, *words])
    owner = (tree / HOME).stat()
    for name, place in KEPT.items():
        if place.is_relative_to(HOME):
            shutil.chown(root / "cache" / name, owner.st_uid, owner.st_gid)


def discard(tree: Path) -> None:
    """Remove a tree, in which nothing must be mounted any more."""
    mounts = Path("/proc/self/mounts").read_text()
    if re.search(rf" {re.escape(str(tree))}[/ ]", mounts):
        raise AssertionError(f"something is mounted in {tree}")
    if tree.exists():
        shutil.rmtree(tree)


def _configure(tree: Path, machine: str) -> None:
    _write(tree / "etc/hostname", f"{machine}\n")
    _write(tree / "etc/hosts", f"{_HOSTS}127.0.1.1 {machine}\n")
    _write(tree / "etc/tmpfiles.d/devices.conf", _DEVICES)
    _write(tree / "etc/locale.gen", "en_US.UTF-8 UTF-8\n")
    _write(tree / "etc/apt/apt.conf.d/99machine", "\n".join(archives.settings()) + "\n")
    _write(tree / "etc/sudoers.d/50_stack", f"{STACK} ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    if _PIP.exists():
        _write(tree / "etc/pip.conf", _PIP.read_text())
    for certificate in _OWN_CERTIFICATES.glob("*.crt"):
        shutil.copy(certificate, tree / str(_OWN_CERTIFICATES).lstrip("/"))
    for unit in _MASKED:
        (tree / "etc/systemd/system" / unit).symlink_to("/dev/null")
    useradd = ["useradd", "--create-home", "--home-dir", f"/{HOME}", "--shell", "/bin/bash"]
    for words in (["locale-gen"], ["update-ca-certificates"], [*useradd, STACK]):
        process.run(["chroot", tree, *words], environment={"LC_ALL": "C.UTF-8"})
    # Apache's files and all that is cloned.
    (tree / HOME).chmod(0o755)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text)
    path.chmod(mode)
