# SPDX-License-Identifier: Apache-2.0
"""Whether the IOMMU translates."""

from vhost_tempest_plugin.host.checks.base import Check, Subject
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.host.observe import Observation

_EXPECTED = "DMAR: Intel(R) Virtualization Technology for Directed I/O"


class IommuActive(Check):
    """The kernel has said the last of its messages about the IOMMU, the one that counts."""

    name = "iommu-active"

    def run(self, subject: Subject) -> Finding:
        seen = subject.observation
        active = seen.kernel_log.active
        if not subject.has_iommu:
            if active is None:
                return self.not_applicable("the topology has no IOMMU")
            return self.failed("no IOMMU", active, f"the host has one all the same; {subject.anew}")
        if active is not None:
            return self.passed(_EXPECTED, active)
        return self.failed(_EXPECTED, _observed(seen), _hint(subject))


def _observed(seen: Observation) -> str:
    last = seen.kernel_log.last
    if last is None:
        return "no message about DMAR"
    if last == seen.kernel_log.asked_for:
        return f"only {last!r}, which tells what the command line asks for and no more"
    return f"not that message, the last is {last!r}"


def _hint(subject: Subject) -> str:
    seen = subject.observation
    hints = []
    if not seen.dmar_table:
        hints.append(
            f"the host has no IOMMU device: it lacks <iommu model='intel'> in {subject.xml}"
        )
    if "intel_iommu=off" in seen.command_line:
        hints.append("take intel_iommu=off off the host's kernel command line")
    elif "intel_iommu=on" not in seen.command_line:
        hints.append("put intel_iommu=on on the host's kernel command line")
    if hints:
        return f"{', and '.join(hints)}; {subject.anew}"
    if not seen.kernel_log.complete:
        return f"the kernel's log no longer reaches back to its boot; {subject.anew}"
    return (
        "the kernel found the IOMMU and did not take it: see 'dmesg' in the host around its last "
        "line with DMAR"
    )
