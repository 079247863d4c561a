# SPDX-License-Identifier: Apache-2.0
"""The peak memory of everything beside QEMU, against QEMU's own."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from vhost_tempest_plugin import image, process
from vhost_tempest_plugin.bench.measurement import Measurement
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.hypervisor import stray

_NAME = "bench"
_POLL_S = 0.1
_PROC = Path("/proc")


def measure(setting: Setting) -> Iterator[Measurement]:
    """Peaks during ``vhost up``, in MiB: the command and all it starts, and QEMU."""
    image.build(setting.progress)
    own, qemus = [], []
    for number in range(1, setting.runs + 1):
        beside_mib, qemu_mib = _peaks_mib(setting)
        own.append(beside_mib)
        qemus.append(qemu_mib)
        setting.progress(
            f"peak memory beside QEMU, QEMU's, MiB: run {number} of {setting.runs}: "
            f"{beside_mib:.0f}, {qemu_mib:.0f}"
        )
    yield Measurement(
        f"peak memory beside QEMU, {setting.host.name}",
        "MiB",
        tuple(own),
        "QEMU's peak",
        tuple(qemus),
    )


def _peaks_mib(setting: Setting) -> tuple[float, float]:
    place = setting.workplace
    mark = f"XDG_STATE_HOME={place.directory}"
    log = place.directory / "up.log"
    beside_kib = 0
    with place.host(_NAME):
        argv = place.argv("up", setting.topology, "--name", _NAME)
        with process.running(argv, log=log, environment=place.environment()) as command:
            while command.poll() is None:
                beside_kib = max(beside_kib, sum(map(proportional_kib, marked(mark))))
                time.sleep(_POLL_S)
            if command.returncode != 0:
                raise HostError(f"'vhost up' failed: {log.read_text(errors='replace')[-400:]}")
        qemu_kib = sum(map(peak_kib, stray.find(place.directory)))
    return beside_kib / 1024, qemu_kib / 1024


def marked(variable: str) -> list[int]:
    """The processes that have ``NAME=value`` in their environment, this one left out.

    libvirt gives QEMU an environment of its own, so that QEMU is not among them.
    """
    return [
        int(path.name)
        for path in _PROC.iterdir()
        if path.name.isdecimal()
        and int(path.name) != os.getpid()
        and variable.encode() in _read(path / "environ").split(b"\0")
    ]


def proportional_kib(pid: int) -> int:
    """The memory of a process, what it shares counted in shares (proc(5): Pss); 0 if gone."""
    return _field_kib(_PROC / str(pid) / "smaps_rollup", b"Pss:")


def peak_kib(pid: int) -> int:
    """The most memory that a process has had resident (proc(5): VmHWM); 0 if gone."""
    return _field_kib(_PROC / str(pid) / "status", b"VmHWM:")


def _field_kib(path: Path, name: bytes) -> int:
    for line in _read(path).splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> bytes:
    """A file of /proc; empty where its process is gone or another user's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
