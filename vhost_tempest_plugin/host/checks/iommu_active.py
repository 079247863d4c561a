# SPDX-License-Identifier: Apache-2.0
"""Whether the IOMMU translates."""

from vhost_tempest_plugin.host.checks.base import Check, Subject
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.topology import iommus
from vhost_tempest_plugin.topology.iommu_model import IommuModel


class IommuActive(Check):
    """The kernel has said the last of its messages about the IOMMU, the one that counts."""

    name = "iommu-active"

    def run(self, subject: Subject) -> Finding:
        log = subject.observation.kernel_log
        model = subject.iommu
        if model is None:
            found = filter(None, map(log.active, iommus.MODELS.values()))
            if (active := next(found, None)) is None:
                return self.not_applicable("the topology has no IOMMU")
            return self.failed("no IOMMU", active, f"the host has one all the same; {subject.anew}")
        if (active := log.active(model)) is not None:
            return self.passed(model.active, active)
        return self.failed(model.active, _observed(subject, model), _hint(subject, model))


def _observed(subject: Subject, model: IommuModel) -> str:
    log = subject.observation.kernel_log
    last = log.last(model)
    if last is None:
        return f"no message about {model.log_word}"
    if last == log.requested(model):
        return f"only {last!r}, which only repeats the command line"
    return f"not that message, the last is {last!r}"


def _hint(subject: Subject, model: IommuModel) -> str:
    seen = subject.observation
    hints = []
    if model.acpi_table not in seen.acpi_tables:
        hints.append(
            f"the host has no IOMMU device: give it <iommu model={model.name!r}>"
            f" (see {subject.xml})"
        )
    for parameter in model.kernel_parameters:
        begin = f"{parameter.partition('=')[0]}="
        others = {word for word in seen.command_line if word.startswith(begin)} - {parameter}
        if others:
            words = " ".join(sorted(others))
            hints.append(f"take {words} off the host's kernel command line")
        elif parameter not in seen.command_line:
            hints.append(f"put {parameter} on the host's kernel command line")
    if hints:
        return f"{', and '.join(hints)}; {subject.anew}"
    if not seen.kernel_log.complete:
        return f"the kernel's log no longer reaches back to its boot; {subject.anew}"
    return (
        "the kernel found the IOMMU and did not take it: see 'dmesg' in the host around its last "
        f"line with {model.log_word}"
    )
