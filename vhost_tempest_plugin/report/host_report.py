# SPDX-License-Identifier: Apache-2.0
"""Checks a running host and writes its report."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import HostError, InputError
from vhost_tempest_plugin.host import acceleration, status
from vhost_tempest_plugin.host.checks import registry
from vhost_tempest_plugin.host.checks.base import Subject
from vhost_tempest_plugin.host.checks.finding import Finding, summarize
from vhost_tempest_plugin.report import index, picture
from vhost_tempest_plugin.report.host_page import Report
from vhost_tempest_plugin.topology.drawing import draw
from vhost_tempest_plugin.topology.hardware import Hardware
from vhost_tempest_plugin.util import atomic_file
from vhost_tempest_plugin.util.progress import Progress


@dataclass(frozen=True, slots=True)
class Written:
    """What was found, and where it can be read."""

    name: str
    findings: tuple[Finding, ...]
    page: Path

    @property
    def passed(self) -> bool:
        """Whether no check failed and every check could be made."""
        return not any(finding.is_bad for finding in self.findings)


def write(name: str, output: Path, progress: Progress) -> Written:
    """Run all checks on the host *name* and write its page, its JSON and the index to *output*.

    :raises InputError: there is no such host, or *output* cannot be written
    :raises HostError: it does not run
    """
    layout = status.intended(name)
    with status.connected(name) as (record, connection):
        subject = Subject(layout, record.accelerator, connection, progress)
        findings = registry.HOST.run_all(subject)
        observed = _observed(subject)
    host = layout.host
    facts = (
        ("Topology", host.name),
        ("CPUs", f"{host.cpus.count} in {host.cpus.sockets} sockets"),
        ("Memory", f"{host.memory_mib} MiB on {len(host.nodes)} NUMA nodes"),
        ("NICs", str(len(layout.devices))),
        ("Accelerator", f"{record.accelerator.upper()}: {acceleration.choose().reason}"),
        ("Created", record.created),
        ("Image", record.image_digest or "none"),
    )
    report = Report(
        title=f"Host {name}",
        lead="An emulated NUMA/PCI host, and whether it is what its topology says.",
        facts=facts,
        findings=findings,
        picture=picture.text_of(
            draw(layout.hardware(), observed, title=host.name), picture.PictureFormat.SVG
        ),
    )
    return Written(name, findings, save(report, output, name))


def save(report: Report, output: Path, name: str) -> Path:
    """Write the host's page and JSON, and the index of all reports there; the page's path.

    :raises InputError: *output* cannot be written
    """
    page = output / f"{name}.html"
    content = {
        "title": report.title,
        "summary": summarize(report.findings),
        "good": report.is_good,
        **dict(report.facts),
        "findings": [asdict(finding) for finding in report.findings],
    }
    try:
        output.mkdir(parents=True, exist_ok=True)
        atomic_file.write(page, report.html(), mode=atomic_file.PUBLIC)
        atomic_file.write(
            page.with_suffix(".json"), json.dumps(content, indent=2) + "\n", mode=atomic_file.PUBLIC
        )
        index.write(output)
    except OSError as error:
        raise InputError(
            f"cannot write {output}: {error.strerror}", hint="give another --output"
        ) from None
    return page


def _observed(subject: Subject) -> Hardware | None:
    """What the host shows; None where it cannot be read, which the checks report."""
    try:
        return subject.observation.hardware
    except HostError:
        return None
