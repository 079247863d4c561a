# SPDX-License-Identifier: Apache-2.0
"""Interrupt remapping, or vfio's workaround where the topology goes without."""

from vhost_tempest_plugin.host.checks.base import Check, Subject
from vhost_tempest_plugin.host.checks.finding import Finding

_PARAMETER = "vfio_iommu_type1.allow_unsafe_interrupts=1"
_SWITCHES = ("intremap=off", "nointremap")


class InterruptRemapping(Check):
    """Without it vfio refuses every device, unless it is told that this is accepted."""

    name = "interrupt-remapping"

    def run(self, subject: Subject) -> Finding:
        if not subject.has_iommu:
            return self.not_applicable("the topology has no IOMMU")
        if subject.layout.host.iommu.interrupt_remapping:
            return self._remapping(subject)
        return self._workaround(subject)

    def _remapping(self, subject: Subject) -> Finding:
        seen = subject.observation
        expected = "DMAR-IR: Enabled IRQ remapping in x2apic or xapic mode"
        if seen.kernel_log.remapping is not None:
            return self.passed(expected, seen.kernel_log.remapping)
        return self.failed(expected, "no such message", _hint(subject))

    def _workaround(self, subject: Subject) -> Finding:
        seen = subject.observation
        expected = "no remapping, and vfio's allow_unsafe_interrupts is on"
        if seen.kernel_log.remapping is not None:
            return self.failed(
                expected,
                seen.kernel_log.remapping,
                f"the IOMMU remaps all the same; {subject.anew}",
            )
        waits = seen.unsafe_interrupts is None and _PARAMETER in seen.command_line
        if seen.unsafe_interrupts or waits:
            return self.passed(expected, expected)
        return self.failed(
            expected,
            "no remapping, and vfio's allow_unsafe_interrupts is off",
            f"put {_PARAMETER} on the host's kernel command line; {subject.anew}",
        )


def _hint(subject: Subject) -> str:
    seen = subject.observation
    switches = [switch for switch in _SWITCHES if switch in seen.command_line]
    if not seen.dmar_table:
        return f"the host has no IOMMU device: see the check iommu-active; {subject.anew}"
    if switches:
        return f"take {' '.join(switches)} off the host's kernel command line; {subject.anew}"
    if not seen.kernel_log.complete:
        return f"the kernel's log no longer reaches back to its boot; {subject.anew}"
    return (
        "the IOMMU device was made without it: it needs intremap='on' and <ioapic driver='qemu'/>, "
        "or set interrupt_remapping: false in the topology for vfio's workaround"
    )
