# SPDX-License-Identifier: Apache-2.0
"""Interrupt remapping, or vfio's workaround where the topology goes without."""

from vhost_tempest_plugin.host.checks.base import Check, Subject
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.topology.iommu_model import IommuModel

_PARAMETER = "vfio_iommu_type1.allow_unsafe_interrupts=1"
_SWITCHES = ("intremap=off", "nointremap")


class InterruptRemapping(Check):
    """Without it vfio refuses every device, unless it is configured to accept that."""

    name = "interrupt-remapping"

    def run(self, subject: Subject) -> Finding:
        model = subject.iommu
        if model is None:
            return self.not_applicable("the topology has no IOMMU")
        if subject.layout.host.iommu.interrupt_remapping:
            return self._remapping(subject, model)
        return self._workaround(subject, model)

    def _remapping(self, subject: Subject, model: IommuModel) -> Finding:
        expected = f"{model.remapping}..."
        message = subject.observation.kernel_log.remapping(model)
        if message is not None:
            return self.passed(expected, message)
        return self.failed(expected, "no such message", _hint(subject, model))

    def _workaround(self, subject: Subject, model: IommuModel) -> Finding:
        seen = subject.observation
        expected = "no remapping, and vfio's allow_unsafe_interrupts is on"
        message = seen.kernel_log.remapping(model)
        if message is not None:
            return self.failed(expected, message, f"the IOMMU remaps all the same; {subject.anew}")
        waits = seen.unsafe_interrupts is None and _PARAMETER in seen.command_line
        if seen.unsafe_interrupts or waits:
            return self.passed(expected, expected)
        return self.failed(
            expected,
            "no remapping, and vfio's allow_unsafe_interrupts is off",
            f"put {_PARAMETER} on the host's kernel command line; {subject.anew}",
        )


def _hint(subject: Subject, model: IommuModel) -> str:
    seen = subject.observation
    switches = [switch for switch in _SWITCHES if switch in seen.command_line]
    if model.acpi_table not in seen.acpi_tables:
        return f"the host has no IOMMU device: see the check iommu-active; {subject.anew}"
    if switches:
        return f"take {' '.join(switches)} off the host's kernel command line; {subject.anew}"
    if not seen.kernel_log.complete:
        return f"the kernel's log no longer reaches back to its boot; {subject.anew}"
    return (
        "the IOMMU device was made without it: it needs intremap='on' and <ioapic driver='qemu'/>, "
        "or set interrupt_remapping: false in the topology for vfio's workaround"
    )
