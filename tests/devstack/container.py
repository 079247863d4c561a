# SPDX-License-Identifier: Apache-2.0
"""A container with systemd as its first process, on a machine that need not have one.

It has the machine's network or one of its own, and all capabilities; its processes are in a process
namespace that dies with the first of them.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.devstack import namespace, tree
from tests.devstack.settings import Settings
from vhost_tempest_plugin.util import process, speed

_NOTE = "container.json"
_READY_S = 120.0
_STOP_S = 120.0
_POLL_S = 0.5
# nspawn wants cgroup2, which the machine's other programs need not have.
_BOOT = """
if [ "$(stat --file-system --format=%T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount --recursive /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
group=/sys/fs/cgroup/vhost-devstack-$$
mkdir "$group"
echo $$ >"$group/cgroup.procs"
exec "$@"
"""
_GROUP = "vhost-devstack-{}"
_APART = 'log=$1; shift; setsid "$@" </dev/null >"$log" 2>&1 & echo $!'
# lib/host writes there.
_NO_KSM = "mount -t tmpfs tmpfs /sys/kernel/mm/ksm && echo 0 >/sys/kernel/mm/ksm/run"
# libvirt writes there for a network; it is the machine's, as the container's network is.
_WRITABLE = "mount -o remount,bind,rw /proc/sys"
_ENVIRONMENT = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8")
_NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root")


@dataclass(frozen=True)
class Container:
    """One that runs.

    :param nspawn: the process outside that it ends with
    :param leader: its first process
    """

    nspawn: int
    leader: int

    def entrance(self, user: str = tree.STACK) -> list[str]:
        """The words before a command in it."""
        words = ["nsenter", f"--target={self.leader}", *_NAMESPACES, "env", "-iC/"]
        words += _ENVIRONMENT
        if user == "root":
            return [*words, "HOME=/root"]
        words += ["runuser", "--user", user, "--", "env"]
        return [*words, f"HOME=/{tree.HOME}", f"USER={user}"]

    def run(
        self, script: str, *, user: str = tree.STACK, limit_s: float = 600.0, check: bool = True
    ) -> process.Completed:
        """What a short shell script says."""
        words = [*self.entrance(user), "bash", "-c", script]
        return process.run(words, timeout_s=limit_s * speed.timeout_scale(), check=check)

    def follow(self, script: str, log: Path, report: Callable[[str], None], limit_s: float) -> int:
        """Run a long shell script of the stack user's; its result.

        :param log: for all that it says
        :param report: is called with each line as it comes
        """
        words = [*self.entrance(), "bash", "-c", script]
        with log.open("w") as file, _ended(words, limit_s * speed.timeout_scale()) as running:
            for line in running.stdout or ():
                file.write(line)
                file.flush()
                report(line.rstrip("\n"))
            return running.wait()

    def is_alive(self) -> bool:
        """Whether it is this one still, and no other process of that number."""
        return _leader(self.nspawn) == self.leader

    def stop(self) -> None:
        """End it, and all that runs in it."""
        if self.is_alive():
            # systemd's word for to power off.
            os.kill(self.leader, signal.SIGRTMIN + 4)
        end_s = time.monotonic() + _STOP_S * speed.timeout_scale()
        while self.is_alive() and time.monotonic() < end_s:
            time.sleep(_POLL_S)
        for group in _groups(self.nspawn):
            _remove(group)


def _groups(nspawn: int) -> Iterator[Path]:
    """Its control group, where cgroup2 is for the machine."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        group = Path(place) / _GROUP.format(nspawn)
        if kind == "cgroup2" and group.is_dir():
            yield group


def _remove(group: Path) -> None:
    (group / "cgroup.kill").write_text("1")
    end_s = time.monotonic() + _STOP_S * speed.timeout_scale()
    while "populated 1" in (group / "cgroup.events").read_text() and time.monotonic() < end_s:
        time.sleep(_POLL_S)
    for directory, _, _ in os.walk(group, topdown=False):
        Path(directory).rmdir()


@contextlib.contextmanager
def _ended(words: list[str], limit_s: float) -> Iterator[subprocess.Popen[str]]:
    """A program that ends with the block, and by then, with all that it has started."""
    running = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)

    killer = threading.Timer(limit_s, kill)
    killer.start()
    with running:
        try:
            yield running
        finally:
            killer.cancel()
            if running.poll() is None:
                kill()


@contextlib.contextmanager
def booted(settings: Settings) -> Iterator[Container]:
    """Boot the tree, or take up the container that was left running of it."""
    note = settings.root / _NOTE
    container = left(settings.root)
    if container is None:
        container = _boot(settings, settings.logs / "console.log")
        note.write_text(json.dumps(vars(container)))
    try:
        yield container
    finally:
        if settings.keep and container.is_alive():
            entrance = shlex.join([*container.entrance(), "bash", "--login"])
            print(f"    it runs on; enter it by: {entrance}", file=sys.__stderr__, flush=True)
        else:
            container.stop()
            note.unlink(missing_ok=True)


def left(root: Path) -> Container | None:
    """One that was left running."""
    note = root / _NOTE
    if not note.exists():
        return None
    container = Container(**json.loads(note.read_text()))
    return container if container.is_alive() else None


def _boot(settings: Settings, log: Path) -> Container:
    words = ["systemd-nspawn", "--quiet", "--boot", f"--directory={settings.tree}"]
    words += [f"--machine={settings.machine}"]
    if settings.controller is not None:
        words += [f"--network-namespace-path={namespace.PATH}"]
    words += ["--register=no", "--keep-unit", "--capability=all", "--settings=no"]
    words += ["--resolv-conf=copy-host", "--link-journal=no", "--console=read-only"]
    cache = settings.kept / "cache"
    words += [f"--bind={cache / name}:/{place}" for name, place in tree.KEPT.items()]
    own = ["unshare", "--mount", "--propagation=private", "sh", "-eu", "-c", _BOOT, "sh"]
    # It is nobody's child, as it may have to outlive this process.
    apart: list[str | Path] = ["sh", "-c", _APART, "sh", log, *own, *words]
    variables = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    nspawn = int(process.run(apart, environment=variables).stdout)
    try:
        return _ready(nspawn, log)
    except BaseException:
        Container(nspawn, nspawn).stop()
        raise


def _ready(nspawn: int, log: Path) -> Container:
    end_s = time.monotonic() + _READY_S * speed.timeout_scale()
    while time.monotonic() < end_s and Path(f"/proc/{nspawn}/root").exists():
        time.sleep(_POLL_S)
        leader = _leader(nspawn)
        if leader is None:
            continue
        container = Container(nspawn, leader)
        state = container.run("systemctl is-system-running", user="root", check=False).stdout
        if state.strip() in ("running", "degraded"):
            container.run(f"{_NO_KSM} && {_WRITABLE}", user="root")
            return container
    raise AssertionError(f"the container did not boot: {log.read_text(errors='replace')[-4000:]}")


def _leader(nspawn: int) -> int | None:
    """The first process of the container: nspawn's child that is number one of its own."""
    children = process.run(["pgrep", "--parent", str(nspawn)], check=False).stdout.split()
    for child in children:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{child}/status").read_text()
            if status.partition("NSpid:")[2].split("\n")[0].split()[-1:] == ["1"]:
                return int(child)
    return None
