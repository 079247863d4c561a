# SPDX-License-Identifier: Apache-2.0
"""Nodes, CPUs, memory, distances, sockets and threads."""

from collections.abc import Iterable

from vhost_tempest_plugin.host.checks.base import Check, Facts, Subject, differences
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.host.observe import Observation
from vhost_tempest_plugin.host.observe.libvirt_view import LibvirtView
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.hardware import Hardware


class NumaTopology(Check):
    """The kernel and libvirt in the host see the topology's nodes."""

    name = "numa-topology"

    def run(self, subject: Subject) -> Finding:
        seen = subject.observation
        expected = {**_kernel(subject.hardware), **_expected_of_libvirt(subject.hardware, seen)}
        observed = {**_kernel(seen.hardware), **_libvirt(subject.libvirt)}
        hint = _hint(subject, differences(expected, observed))
        return self.compare(expected, observed, hint)


def _kernel(hardware: Hardware) -> Facts:
    facts = {"nodes": cpuset.format(cell.id for cell in hardware.cells)}
    for cell in hardware.cells:
        facts[f"node {cell.id} CPUs"] = cpuset.format(cell.cpus)
        facts[f"node {cell.id} memory"] = f"{cell.memory_mib} MiB"
        facts[f"node {cell.id} distances"] = _distances(cell.distances)
    for socket in sorted({cpu.socket for cpu in hardware.cpus}):
        cpus = (cpu.id for cpu in hardware.cpus if cpu.socket == socket)
        facts[f"socket {socket} CPUs"] = cpuset.format(cpus)
    cores = sorted({tuple(sorted(cpu.siblings)) for cpu in hardware.cpus})
    facts["cores"] = " ".join(cpuset.format(core) for core in cores)
    return facts


def _expected_of_libvirt(hardware: Hardware, seen: Observation) -> Facts:
    """Libvirt takes a node's memory from the kernel, less what that keeps for itself."""
    facts = {}
    totals_kib = dict(seen.mem_total_kib)
    for cell in hardware.cells:
        facts[f"libvirt's cell {cell.id} CPUs"] = cpuset.format(cell.cpus)
        facts[f"libvirt's cell {cell.id} distances"] = _distances(cell.distances)
        if cell.id in totals_kib:
            facts[f"libvirt's cell {cell.id} memory"] = f"{totals_kib[cell.id]} KiB"
    return facts


def _libvirt(view: LibvirtView) -> Facts:
    facts = {}
    for cell in view.cells:
        facts[f"libvirt's cell {cell.id} CPUs"] = cpuset.format(cell.cpus)
        facts[f"libvirt's cell {cell.id} distances"] = _distances(cell.distances)
        facts[f"libvirt's cell {cell.id} memory"] = f"{cell.memory_kib} KiB"
    return facts


def _distances(distances: Iterable[tuple[int, int]]) -> str:
    return " ".join(str(distance) for _, distance in sorted(distances))


def _hint(subject: Subject, differing: tuple[str, ...]) -> str:
    if "numa=off" in subject.observation.command_line:
        return "remove numa=off from the host's kernel command line and boot it again"
    if all(key.startswith("libvirt") for key in differing):
        return (
            "the kernel is right and libvirt is not: 'systemctl restart libvirtd' in the host, "
            "it reads the topology when it starts"
        )
    if all("memory" in key for key in differing):
        return f"QEMU gave the nodes other memory, see <numa> in {subject.xml}; {subject.anew}"
    return f"QEMU was started with another topology, see <cpu> in {subject.xml}; {subject.anew}"
