# SPDX-License-Identifier: Apache-2.0
"""A machine for faults: namespaces of its own, a small file system, and what is left in them."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.emulated import Vhost
from vhost_tempest_plugin.util import service_account, speed

_DISK_MIB = 14_000
# Every machine has it, hosts can have a cache there, and it is hidden from nobody else.
_TOP = Path("/mnt")
_LIMIT_S = 20.0
# What a restart of the machine empties.
VOLATILE = (Path("/tmp"), Path("/run"), Path("/dev/shm"))
# What faketime leaves of a program that was killed.
_CLOCKS = "faketime_"
# The arena's own libvirtd and what it starts, which no test kills.
_OWN = ("libvirtd", "dnsmasq", "virtlogd")


@dataclass(frozen=True, slots=True)
class Remnants:
    """What there is of a machine's that a command could leave; two of them are compared."""

    processes: frozenset[str]
    files: frozenset[str]
    mounts: frozenset[str]
    links: frozenset[str]
    networks: frozenset[str]

    def beyond(self, before: "Remnants") -> list[str]:
        """What was not there before, one line for each thing."""
        return [
            f"{kind}: {each}"
            for kind in ("processes", "files", "mounts", "links", "networks")
            for each in sorted(getattr(self, kind) - getattr(before, kind))
        ]


@dataclass(frozen=True, slots=True)
class Machine:
    """The directories and the processes of these namespaces.

    :param top: the file system of the tests' own
    :param trees: working trees of Nova, one a directory
    """

    top: Path
    trees: Path

    @property
    def state(self) -> Path:
        """What commands have as XDG_STATE_HOME."""
        return self.top / "state"

    @property
    def cache(self) -> Path:
        """The cache of root's commands, over which faults have a layer of their own."""
        return service_account.CACHE

    @property
    def user_cache(self) -> Path:
        """What is cached without that layer, which is only read."""
        return self.top / "user-cache"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of commands on this machine."""
        return {"XDG_STATE_HOME": str(self.state)}

    def vhost(self) -> Vhost:
        """Commands on this machine that must succeed."""
        return Vhost(self.state, environment=self.environment)

    def online(self) -> Vhost:
        """Such commands with the network of who began this, to fill the cache."""
        prefix = ("nsenter", f"--net=/proc/{os.getppid()}/ns/net")
        return Vhost(self.state, prefix, self.environment)

    def others(self) -> dict[int, str]:
        """The processes in these namespaces that are not the tests' own: their command lines."""
        here = Path("/proc/self/ns/mnt").readlink()
        own = _ancestors()
        found = {}
        for path in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if path.name.isdecimal() and (path / "ns/mnt").readlink() == here:
                    words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                    name = (path / "comm").read_text().strip()
                    if words and int(path.name) not in own and name not in _OWN:
                        found[int(path.name)] = words
        return found

    def remnants(self) -> Remnants:
        """All that there is now."""
        return Remnants(
            frozenset(self.others().values()),
            frozenset(
                str(path)
                for top in (self.state, *VOLATILE)
                for path in _files(top)
                if _CLOCKS not in path.name
            ),
            frozenset(Path("/proc/self/mounts").read_text().splitlines()),
            frozenset(line.split(": ")[1] for line in _lines("ip", "-o", "link")),
            frozenset(_lines("virsh", "-c", "qemu:///system", "net-list", "--all", "--name")),
        )

    def left(self, before: Remnants) -> list[str]:
        """What is left beyond *before* once processes that are ending have ended."""
        end_s = time.monotonic() + _LIMIT_S * speed.timeout_scale()
        while found := self.remnants().beyond(before):
            if time.monotonic() > end_s:
                return found
            time.sleep(0.2)
        return []

    def kill_all(self) -> None:
        """SIGKILL to everything at once, as if the power were gone."""
        while found := self.others():
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in found:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
            time.sleep(0.05)

    def reboot(self, before: Remnants) -> None:
        """No process, nothing in volatile directories, no network."""
        self.kill_all()
        for path in (path for top in VOLATILE for path in _files(top)):
            if str(path) not in before.files and not path.is_dir():
                path.unlink(missing_ok=True)
        now = self.remnants()
        for network in now.networks - before.networks:
            words = ["virsh", "-c", "qemu:///system", "net-destroy", network]
            subprocess.run(words, check=True, capture_output=True)
        for link in now.links - before.links:
            subprocess.run(["ip", "link", "delete", link], check=False, capture_output=True)

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """No space is left on the file system."""
        filler = self.top / "filler"
        free = shutil.disk_usage(self.top).free
        try:
            subprocess.run(["fallocate", "-l", str(max(1, free - 65536)), filler], check=True)
            with contextlib.suppress(OSError), filler.open("ab") as file:
                while True:
                    file.write(b"\0" * 4096)
                    file.flush()
            yield
        finally:
            filler.unlink(missing_ok=True)

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """The state directory is one that nobody can write to."""
        binding = ["mount", "--bind", self.state, self.state]
        subprocess.run(binding, check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", self.state], check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", "--lazy", self.state], check=True)

    def keep(self, name: str) -> None:
        """Put the state aside as *name*; everything must be off."""
        _copy(self.state, self.top / name)

    def put_back(self, name: str) -> None:
        """Make the state what it was when it was kept as *name*."""
        shutil.rmtree(self.state, ignore_errors=True)
        _copy(self.top / name, self.state)

    def clean_cache(self) -> None:
        """Forget all that was changed in the cache."""
        if os.path.ismount(self.cache):
            subprocess.run(["umount", self.cache], check=True)
        upper, work = self.top / "cache-upper", self.top / "cache-work"
        for path in (upper, work):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(mode=0o700)
        _give(upper)
        below = f"lowerdir={self.user_cache},upperdir={upper},workdir={work},redirect_dir=on"
        subprocess.run(["mount", "-t", "overlay", "-o", below, "overlay", self.cache], check=True)


@contextlib.contextmanager
def made(trees: Path) -> Iterator[Machine]:
    """Make one; this process must be in namespaces of its own (``tests.e2e.arena``)."""
    machine = Machine(_TOP, _TOP / "trees")
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as disk:
        disk.truncate(_DISK_MIB << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", disk.name], check=True)
        subprocess.run(["mount", "-o", "loop", disk.name, _TOP], check=True)
    shutil.copytree(trees, machine.trees, symlinks=True)
    for path in VOLATILE[::2]:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", path], check=True)
    machine.user_cache.mkdir()
    subprocess.run(["mount", "--bind", machine.cache, machine.user_cache], check=True)
    for name in ("vhost", "vhost/hosts", "vhost/labs"):
        (machine.state / name).mkdir(mode=0o700, parents=True)
        _give(machine.state / name)
    machine.clean_cache()
    try:
        yield machine
    finally:
        machine.kill_all()
        for path in (machine.cache, machine.user_cache, _TOP):
            subprocess.run(["umount", "--lazy", path], check=True)


def _give(directory: Path) -> None:
    account = service_account.Account.find()
    os.chown(directory, account.uid, account.gid)


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", "--sparse=always", source, target], check=True)


def _files(top: Path) -> Iterator[Path]:
    for place, names, files in os.walk(top):
        yield from (Path(place) / name for name in (*names, *files))


def _lines(*words: str) -> list[str]:
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.strip()]


def _ancestors() -> set[int]:
    """This process, those that it is in, and what it runs at this moment for itself."""
    found, pid = set(), os.getpid()
    while pid > 1:
        found.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found
