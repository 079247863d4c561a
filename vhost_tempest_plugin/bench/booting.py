# SPDX-License-Identifier: Apache-2.0
"""Boots by hand: QEMU with the same kernel, image, accelerator, CPUs and memory, no more.

The baseline of everything that ``vhost up`` adds: libvirt, expander buses, root ports,
NICs, the IOMMU, NUMA nodes, this program.
"""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from vhost_tempest_plugin import image, keys, process
from vhost_tempest_plugin.accelerator import Accelerator
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.machine import Machine, Ssh
from vhost_tempest_plugin.topology import Host

_MODEL = {Accelerator.KVM: "host", Accelerator.TCG: "Westmere,+pdpe1gb,-vme"}
_LIMIT_S = 900.0


def ready_s(host: Host, accelerator: Accelerator, made: image.Image, work: Path) -> float:
    """Seconds from starting a bare QEMU with the host's CPUs and memory to a login by ssh."""
    work.mkdir(parents=True)
    pair, host_pair = keys.generate(work / "client"), keys.generate(work / "host")
    seed = image.Seed(
        hostname="bare",
        authorized_keys=pair.public,
        host_key=host_pair.private_text(),
        host_key_public=host_pair.public,
        topology="",
    )
    image.write(made.initrd, seed, work / "initrd")
    image.create_overlay(made, work / "disk.qcow2")
    port = _free_port()
    ssh = Ssh(work, port, pair.private, keys.known_hosts(work, "bare", host_pair.public), "bare")
    begun_s = time.perf_counter()
    with _running(_argv(host, accelerator, made, work, port), work), Machine(ssh) as machine:
        machine.wait_until_ready(limit_s=_LIMIT_S)
        return time.perf_counter() - begun_s


def _argv(
    host: Host, accelerator: Accelerator, made: image.Image, work: Path, port: int
) -> list[str | Path]:
    return [
        process.which("qemu-system-x86_64"),
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *("-accel", accelerator.value, "-cpu", _MODEL[accelerator], "-machine", "q35"),
        *("-smp", str(host.cpus.count), "-m", f"{host.memory_mib}M"),
        *("-kernel", made.kernel, "-initrd", work / "initrd"),
        *("-append", " ".join(image.PARAMETERS)),
        *("-serial", f"file:{work / 'console.log'}"),
        *("-drive", f"if=virtio,format=qcow2,cache=unsafe,file={work / 'disk.qcow2'}"),
        *("-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:22"),
    ]


@contextlib.contextmanager
def _running(argv: list[str | Path], work: Path) -> Iterator[None]:
    qemu = process.start(argv, log=work / "qemu.log")
    try:
        yield
    finally:
        qemu.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            qemu.wait(timeout=30)
        if qemu.poll() is None:
            raise HostError(f"the bare QEMU (pid {qemu.pid}) does not end; kill it")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
