# SPDX-License-Identifier: Apache-2.0
"""Which accelerator really runs a guest on this machine, and why.

A /dev/kvm that opens proves nothing, so a tiny guest (``probe``) decides.  The answer is
kept in the cache together with everything that it depends on.
"""

import dataclasses
import hashlib
import json
import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host import kvm_probe
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util import atomic_file, paths, process
from vhost_tempest_plugin.util import cache as cache_directory

QEMU = "qemu-system-x86_64"
Probe = Callable[[Path, Accelerator, float], kvm_probe.ProbeOutcome]

CPU_MODULES = {"vmx": "kvm_intel", "svm": "kvm_amd"}
_NESTED_HINT = (
    "run 'modprobe -r {module} && modprobe {module} nested=1' as root, "
    "and put 'options {module} nested=1' in /etc/modprobe.d/kvm.conf to keep it"
)


@dataclass(frozen=True, slots=True)
class Device:
    """/dev/kvm: whose it is, and whether this user may use it."""

    owner: int
    group: int
    mode: int
    usable: bool


@dataclass(frozen=True, slots=True)
class AccelerationInputs:
    """All that the answer depends on.

    :param qemu_changed_ns: the program's modification time
    :param nested: the nested parameter of each loaded KVM module, as the kernel writes it
    :param cpu_flag: vmx or svm, None where /proc/cpuinfo has neither
    """

    qemu: str
    qemu_version: str
    qemu_changed_ns: int
    kernel: str
    user: int
    groups: tuple[int, ...]
    device: Device | None
    nested: tuple[tuple[str, str], ...]
    cpu_flag: str | None

    def digest(self) -> str:
        """A name for exactly these circumstances and this probe."""
        text = json.dumps([dataclasses.asdict(self), kvm_probe.GUEST.hex()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AccelerationVerdict:
    """The accelerator that works, why, and what could be done for a better one.

    :param nested: whether the host gets virtualization of its own
    :param hint: empty where there is nothing to improve
    :param is_final: whether it holds until something changes that it depends on; not where a
        guest ran out of time, as on a machine that was busy for a moment
    """

    accelerator: Accelerator
    reason: str
    hint: str = ""
    nested: bool = False
    is_final: bool = True


def observe(root: Path = Path("/")) -> AccelerationInputs:
    """What this machine is like; *root* is where /proc, /sys and /dev are.

    :raises LocalError: QEMU is not installed
    """
    qemu = process.which(QEMU)
    version = process.run([qemu, "--version"], timeout_s=30).stdout.splitlines()[0]
    nested = []
    for module in CPU_MODULES.values():
        parameter = root / "sys/module" / module / "parameters/nested"
        if parameter.exists():
            nested.append((module, parameter.read_text(encoding="utf-8").strip()))
    flags = re.search(
        r"^flags\s*:.*?\b(vmx|svm)\b", (root / "proc/cpuinfo").read_text(encoding="utf-8"), re.M
    )
    return AccelerationInputs(
        qemu=str(qemu),
        qemu_version=version,
        qemu_changed_ns=qemu.stat().st_mtime_ns,
        kernel=platform.release(),
        user=os.geteuid(),
        groups=tuple(sorted(os.getgroups())),
        device=_device(root / "dev/kvm"),
        nested=tuple(nested),
        cpu_flag=flags[1] if flags else None,
    )


def decide(seen: AccelerationInputs, probe_guest: Probe = kvm_probe.run) -> AccelerationVerdict:
    """The verdict on *seen*; a guest is run where nothing else decides."""
    device = seen.device
    if device is None:
        return _without_device(seen)
    if not device.usable:
        return AccelerationVerdict(
            Accelerator.TCG,
            f"this user (uid {seen.user}) may not open /dev/kvm "
            f"(mode {device.mode:04o}, uid {device.owner}, gid {device.group})",
            _permission_hint(device),
        )
    outcome = probe_guest(Path(seen.qemu), Accelerator.KVM, kvm_probe.limit_s())
    if not outcome.works:
        return AccelerationVerdict(
            Accelerator.TCG,
            f"/dev/kvm opens, but a guest does not run on it: {outcome.detail}",
            "nothing is lost but speed; look at 'dmesg' for kvm, and in a virtual machine "
            "switch nested virtualization on in its hypervisor",
            is_final=outcome.is_final,
        )
    return _with_kvm(seen)


def choose(
    wanted: Accelerator | None = None,
    *,
    seen: AccelerationInputs | None = None,
    probe_guest: Probe = kvm_probe.run,
    cache: Path | None = None,
) -> AccelerationVerdict:
    """The accelerator to use.

    :param wanted: what the user asks for, None for the best that works
    :param cache: the directory that keeps the answer
    :raises LocalError: QEMU is missing, or KVM is wanted and does not work
    """
    seen = seen or observe()
    if wanted is Accelerator.TCG:
        return AccelerationVerdict(Accelerator.TCG, "emulation was asked for")
    directory = cache or paths.cache()
    verdict = _remembered(directory, seen)
    if verdict is None:
        verdict = decide(seen, probe_guest)
        if verdict.is_final:
            _remember(directory, seen, verdict)
    if wanted is Accelerator.KVM and verdict.accelerator is not Accelerator.KVM:
        raise LocalError(f"KVM does not work here: {verdict.reason}", hint=verdict.hint)
    return verdict


def _device(path: Path) -> Device | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    usable = os.access(path, os.R_OK | os.W_OK)
    return Device(facts.st_uid, facts.st_gid, facts.st_mode & 0o7777, usable)


def _without_device(seen: AccelerationInputs) -> AccelerationVerdict:
    if seen.cpu_flag is None:
        return AccelerationVerdict(
            Accelerator.TCG,
            "there is no /dev/kvm, and the CPU offers neither vmx nor svm",
            "switch virtualization on in the firmware; in a virtual machine, switch nested "
            "virtualization on in its hypervisor",
        )
    module = CPU_MODULES[seen.cpu_flag]
    return AccelerationVerdict(
        Accelerator.TCG,
        f"there is no /dev/kvm, though the CPU has {seen.cpu_flag}: {module} is not loaded",
        f"run 'modprobe {module}' as root; in a container, let it have /dev/kvm",
    )


def _permission_hint(device: Device) -> str:
    if device.mode & 0o060 == 0o060 and device.group != 0:
        return (
            'run \'usermod -aG "$(stat -c %G /dev/kvm)" "$USER"\' as root and log in again '
            "(the group is usually 'kvm')"
        )
    return "run 'chgrp kvm /dev/kvm; chmod 660 /dev/kvm' as root and join the group 'kvm'"


def _with_kvm(seen: AccelerationInputs) -> AccelerationVerdict:
    switched_off = [module for module, value in seen.nested if value not in ("Y", "1")]
    if switched_off or not seen.nested:
        module = switched_off[0] if switched_off else CPU_MODULES[seen.cpu_flag or "vmx"]
        return AccelerationVerdict(
            Accelerator.KVM,
            f"a guest ran on /dev/kvm; nested virtualization is off ({module}), so the host's "
            "own guests are emulated",
            _NESTED_HINT.format(module=module),
        )
    return AccelerationVerdict(Accelerator.KVM, "a guest ran on /dev/kvm", nested=True)


def _cache_file(directory: Path, seen: AccelerationInputs) -> Path:
    return directory / "acceleration" / f"{seen.digest()}.json"


def _remembered(directory: Path, seen: AccelerationInputs) -> AccelerationVerdict | None:
    try:
        kept = json.loads(_cache_file(directory, seen).read_text(encoding="utf-8"))
        return AccelerationVerdict(**{**kept, "accelerator": Accelerator(kept["accelerator"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _remember(directory: Path, seen: AccelerationInputs, verdict: AccelerationVerdict) -> None:
    text = json.dumps(dataclasses.asdict(verdict))
    try:
        atomic_file.write(_cache_file(directory, seen), text)
    except LocalError as error:
        cache_directory.do_without(directory, error.fact)
