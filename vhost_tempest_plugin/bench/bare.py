# SPDX-License-Identifier: Apache-2.0
"""Boots by hand: QEMU with the same kernel, image, accelerator, CPUs and memory, no more.

The baseline of everything that ``vhost up`` adds: libvirt, expander buses, root ports,
NICs, the IOMMU, NUMA nodes, this program.
"""

import socket
import time
from pathlib import Path

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import boot, image, ssh_keys
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.ssh import HostConnection, Ssh
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology.model import Host
from vhost_tempest_plugin.util import process
from vhost_tempest_plugin.util.die_with_parent import asked_to_end

_MODEL = {Accelerator.KVM: "host", Accelerator.TCG: "Westmere,+pdpe1gb,+rdrand,-vme"}
_LIMIT_S = 900.0


def ready_s(host: Host, accelerator: Accelerator, made: image.Image, work: Path) -> float:
    """Seconds from starting a bare QEMU with the host's CPUs and memory to a login by ssh.

    :param work: an empty directory
    :raises HostError: it does not come up
    """
    files = HostDirectory(work)
    ssh_keys.obtain(files)
    seed = image.Seed(
        hostname=files.name,
        authorized_keys=ssh_keys.public(files.client_key),
        host_key=files.host_key.read_text(encoding="utf-8"),
        host_key_public=ssh_keys.public(files.host_key),
        topology="",
    )
    image.write(made.initrd, seed, files.seed)
    image.create_overlay(made, files.overlay)
    port = _free_port()
    ssh = Ssh(work, port, files.client_key, files.known_hosts, files.name)
    log = work / "qemu.log"
    begun_s = time.perf_counter()
    qemu_argv = asked_to_end(argv(host, accelerator, made, files, port))
    with process.running(qemu_argv, log=log) as qemu:

        def watch() -> None:
            if qemu.poll() is not None:
                said = log.read_text(errors="replace", encoding="utf-8").strip()
                raise HostError(f"the bare QEMU ended: {said}")

        with HostConnection(ssh) as connection:
            connection.wait_until_ready(_LIMIT_S, watch)
            return time.perf_counter() - begun_s


def argv(
    host: Host, accelerator: Accelerator, made: image.Image, files: HostDirectory, port: int
) -> list[str | Path]:
    """The command line of a QEMU that has nothing but what booting to ssh takes."""
    cpus = host.cpus
    smp = f"{cpus.count},sockets={cpus.sockets},cores={cpus.cores},threads={cpus.threads}"
    return [
        process.which("qemu-system-x86_64"),
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *("-accel", accelerator.value, "-cpu", _MODEL[accelerator], "-machine", "q35"),
        *("-smp", smp, "-m", f"{host.memory_mib}M"),
        *("-kernel", made.kernel, "-initrd", files.seed),
        *("-append", " ".join(boot.parameters(accelerator))),
        *("-serial", f"file:{files.console_log}"),
        *("-drive", f"if=virtio,format=qcow2,cache=unsafe,file={files.overlay}"),
        *("-nic", f"user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"),
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
