# SPDX-License-Identifier: Apache-2.0
"""Whether this machine can bring a host up, and what to do if not.

``gather`` looks, ``judge`` decides; only the first touches the machine.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host import acceleration, distribution
from vhost_tempest_plugin.host.distribution import Distribution
from vhost_tempest_plugin.host.doctor import packages
from vhost_tempest_plugin.host.doctor.packages import Tool
from vhost_tempest_plugin.host.image import user_namespace
from vhost_tempest_plugin.host.image.user_namespace import Refusal
from vhost_tempest_plugin.hypervisor import Connection
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import requirements
from vhost_tempest_plugin.topology.layout import Firmware, Layout
from vhost_tempest_plugin.topology.requirements import Versions
from vhost_tempest_plugin.util import paths
from vhost_tempest_plugin.util.capacity import memory

# Estimates with room to spare: QEMU beside the host's memory (2610 MiB at its peak for
# 8 GiB of which a part is never touched); the images with what building them takes.
QEMU_MIB = 700
IMAGES_MIB = 4096
OVERLAY_MIB = 1024

# A lab beside its hosts, with room to spare (1386 MiB at its peak on the reference machine);
# on the disk its databases, logs and what its hosts write, and what is made once: the
# environment, twice for the hosts' image of it, and the databases.
LAB_MEMORY_MIB = 2048
LAB_DISK_MIB = 2048
LAB_CACHE_MIB = 2048


class DoctorVerdict(StrEnum):
    """How serious a diagnosis is; only what is missing prevents a host."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was examined; *hint* is empty where nothing is to be done."""

    name: str
    verdict: DoctorVerdict
    observed: str
    needed: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ResourceRequirement:
    """What the machine is to carry.

    :param count: so many hosts
    :param lab: with an OpenStack around them
    """

    layout: Layout
    count: int = 1
    lab: bool = False

    @property
    def hosts_mib(self) -> int:
        """The memory of all hosts."""
        return self.layout.host.memory_mib * self.count

    @property
    def qemu_mib(self) -> int:
        """What QEMU takes beside that."""
        return QEMU_MIB * self.count

    @property
    def memory_mib(self) -> int:
        """All that may be taken."""
        return self.hosts_mib + self.qemu_mib + (LAB_MEMORY_MIB if self.lab else 0)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a machine is like.

    :param versions: None where libvirt or QEMU does not answer, as *trouble* says
    :param absent: the tools that it lacks
    :param acceleration: None without QEMU
    :param namespace_refusal: why mmdebstrap cannot have one
    """

    distribution: Distribution
    versions: Versions | None
    trouble: str
    absent: frozenset[Tool]
    acceleration: acceleration.AccelerationVerdict | None
    memory_mib: int
    memory_free_mib: int
    disk_free_mib: int
    disk: Path
    namespace_refusal: Refusal | None


def gather() -> Facts:
    """Look at this machine."""
    versions, trouble = _versions()
    disk = _existing(paths.state())
    found = memory()
    return Facts(
        distribution=distribution.here(),
        versions=versions,
        trouble=trouble,
        absent=packages.absent(),
        acceleration=_acceleration(),
        memory_mib=found.total_mib,
        memory_free_mib=found.available_mib,
        disk_free_mib=shutil.disk_usage(disk).free >> 20,
        disk=disk,
        namespace_refusal=_namespace_refusal(),
    )


def judge(facts: Facts, need: ResourceRequirement) -> list[Diagnosis]:
    """What *facts* mean for bringing up what is needed."""
    return [
        *_judge_versions(facts, need.layout),
        _judge_acceleration(facts),
        *_judge_tools(facts, need),
        _judge_memory(facts, need),
        _judge_disk(facts, need),
        *_judge_namespaces(facts),
    ]


def _judge_versions(facts: Facts, layout: Layout) -> Iterator[Diagnosis]:
    for need in requirements.floors(layout.host):
        needed = str(need.floor)
        if facts.versions is None:
            hint = packages.install(facts.distribution, packages.EMULATOR)
            yield Diagnosis(need.feature, DoctorVerdict.MISSING, facts.trouble, needed, hint)
            return
        observed = str(facts.versions)
        if facts.versions.reaches(need.floor):
            yield Diagnosis(need.feature, DoctorVerdict.OK, observed, needed)
        else:
            yield Diagnosis(need.feature, DoctorVerdict.MISSING, observed, needed, need.hint)


def _judge_acceleration(facts: Facts) -> Diagnosis:
    needed = "kvm, nested; without, emulation serves and is slower"
    seen = facts.acceleration
    if seen is None:
        hint = packages.install(facts.distribution, packages.EMULATOR)
        return Diagnosis("accelerator", DoctorVerdict.MISSING, "no QEMU", needed, hint)
    good = seen.accelerator is Accelerator.KVM and seen.nested
    observed = f"{seen.accelerator}: {seen.reason}"
    verdict = DoctorVerdict.OK if good else DoctorVerdict.WARNING
    return Diagnosis("accelerator", verdict, observed, needed, seen.hint)


def _judge_tools(facts: Facts, need: ResourceRequirement) -> Iterator[Diagnosis]:
    efi = need.layout.firmware is Firmware.EFI
    wanted = [tool for tool in packages.TOOLS if efi or not tool.efi]
    absent = [tool for tool in wanted if tool in facts.absent]
    if not absent:
        yield Diagnosis("programs", DoctorVerdict.OK, "all there", f"{len(wanted)} of them")
    for tool in absent:
        hint = packages.install(facts.distribution, [tool])
        dispensable = tool.optional and not (need.lab and tool in packages.LAB)
        verdict = DoctorVerdict.WARNING if dispensable else DoctorVerdict.MISSING
        yield Diagnosis(tool.name, verdict, "not installed", tool.purpose, hint)


def _judge_memory(facts: Facts, need: ResourceRequirement) -> Diagnosis:
    needed_mib = need.memory_mib
    parts = f"hosts' {need.hosts_mib}, QEMU's own {need.qemu_mib}"
    if need.lab:
        parts += f", the lab's {LAB_MEMORY_MIB}"
    observed = f"{facts.memory_mib} MiB, {facts.memory_free_mib} MiB of them free"
    needed = f"{needed_mib} MiB ({parts})"
    if facts.memory_mib < needed_mib:
        hint = "use a smaller topology, such as 'small'"
        return Diagnosis("memory", DoctorVerdict.MISSING, observed, needed, hint)
    if facts.memory_free_mib < needed_mib:
        # 'vhost lab up' refuses then, 'vhost up' does not.
        verdict = DoctorVerdict.MISSING if need.lab else DoctorVerdict.WARNING
        hint = "end what takes the memory; a host takes it only as it uses it"
        return Diagnosis("memory", verdict, observed, needed, hint)
    return Diagnosis("memory", DoctorVerdict.OK, observed, needed)


def _judge_disk(facts: Facts, need: ResourceRequirement) -> Diagnosis:
    running_mib = IMAGES_MIB + OVERLAY_MIB * need.count
    if need.lab:
        running_mib += LAB_CACHE_MIB + LAB_DISK_MIB
    needed_mib = running_mib + need.hosts_mib
    what = "images, environment, disks" if need.lab else "images, disks"
    observed = f"{facts.disk_free_mib} MiB free in {facts.disk}"
    needed = f"{needed_mib} MiB ({what} {running_mib}, saved hosts {need.hosts_mib})"
    hint = "free some, or set XDG_STATE_HOME and XDG_CACHE_HOME to another disk"
    if facts.disk_free_mib < running_mib:
        return Diagnosis("disk", DoctorVerdict.MISSING, observed, needed, hint)
    if facts.disk_free_mib < needed_mib:
        saving = "a lab's first 'up' saves its hosts" if need.lab else "saving a host may fail"
        return Diagnosis("disk", DoctorVerdict.WARNING, observed, needed, f"{saving}: {hint}")
    return Diagnosis("disk", DoctorVerdict.OK, observed, needed)


def _judge_namespaces(facts: Facts) -> Iterator[Diagnosis]:
    needed = "images are built in one"
    refused = facts.namespace_refusal
    if refused is None:
        yield Diagnosis("user namespaces", DoctorVerdict.OK, "allowed", needed)
        return
    yield Diagnosis("user namespaces", DoctorVerdict.MISSING, refused.fact, needed, refused.hint)


def _versions() -> tuple[Versions | None, str]:
    try:
        with Connection.open_temporary() as connection:
            return connection.versions, ""
    except LocalError as error:
        return None, str(error)


def _acceleration() -> acceleration.AccelerationVerdict | None:
    try:
        return acceleration.choose()
    except LocalError:
        return None


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _namespace_refusal() -> Refusal | None:
    try:
        return user_namespace.refusal()
    except LocalError:
        # Without mmdebstrap that is what is missing.
        return None
