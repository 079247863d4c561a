# SPDX-License-Identifier: Apache-2.0
"""Interrupt remapping, or vfio's workaround where the topology goes without."""

from vhost_tempest_plugin.host.checks.base import ANEW, Check, Subject
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.host.observe import Observation

_PARAMETER = "vfio_iommu_type1.allow_unsafe_interrupts=1"
_SWITCHES = ("intremap=off", "nointremap")


class InterruptRemapping(Check):
    """Without it vfio refuses every device, unless it is told that this is accepted."""

    name = "interrupt-remapping"

    def run(self, subject: Subject) -> Finding:
        if not subject.has_iommu:
            return self.not_applicable("the topology has no IOMMU")
        seen = subject.observation
        if subject.layout.host.iommu.interrupt_remapping:
            return self._remapping(seen)
        return self._workaround(seen)

    def _remapping(self, seen: Observation) -> Finding:
        expected = "DMAR-IR: Enabled IRQ remapping in x2apic or xapic mode"
        if seen.kernel_log.remapping is not None:
            return self.passed(expected, seen.kernel_log.remapping)
        return self.failed(expected, "no such message", _remedy(seen))

    def _workaround(self, seen: Observation) -> Finding:
        expected = "no remapping, and vfio's allow_unsafe_interrupts is on"
        if seen.kernel_log.remapping is not None:
            return self.failed(
                expected, seen.kernel_log.remapping, f"the IOMMU remaps all the same; {ANEW}"
            )
        waits = seen.unsafe_interrupts is None and _PARAMETER in seen.command_line
        if seen.unsafe_interrupts or waits:
            return self.passed(expected, expected)
        return self.failed(
            expected,
            "no remapping, and vfio's allow_unsafe_interrupts is off",
            f"put {_PARAMETER} on the host's kernel command line; {ANEW}",
        )


def _remedy(seen: Observation) -> str:
    switches = [switch for switch in _SWITCHES if switch in seen.command_line]
    if not seen.dmar_table:
        return f"the host has no IOMMU device, the check iommu-active tells more; {ANEW}"
    if switches:
        return f"take {' '.join(switches)} off the host's kernel command line; {ANEW}"
    if not seen.kernel_log.complete:
        return f"the kernel's log no longer reaches back to its boot; {ANEW}"
    return (
        "the IOMMU device was made without it: it needs intremap='on' and <ioapic driver='qemu'/>, "
        "or set interrupt_remapping: false in the topology for vfio's workaround"
    )
