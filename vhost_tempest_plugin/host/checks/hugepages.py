# SPDX-License-Identifier: Apache-2.0
"""Huge pages of each size on each node."""

from vhost_tempest_plugin.host.checks.base import Check, Facts, Subject
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.topology.hardware import Hardware


class Hugepages(Check):
    """The nodes have the topology's huge pages, and no others."""

    name = "hugepages"

    def run(self, subject: Subject) -> Finding:
        expected = _facts(subject.hardware)
        observed = _facts(subject.observation.hardware)
        if not expected and not observed:
            return self.not_applicable("the topology has no huge pages")
        command_line = subject.observation.command_line
        reserved = any(word.startswith("hugepages=") for word in command_line)
        if not reserved and expected:
            hint = (
                "the host's kernel command line reserves none (hugepages=<node>:<count>), boot it "
                f"with the topology's; {subject.anew}"
            )
        else:
            hint = (
                "the kernel did not find so much free memory in one piece on the node at boot, or "
                "someone changed nr_hugepages since: give the node more memory_mib or fewer pages, "
                f"or boot it again; {subject.anew}"
            )
        return self.compare(expected, observed, hint)


def _facts(hardware: Hardware) -> Facts:
    return {
        f"node {cell.id} pages of {pages.size_kib} KiB": str(pages.count)
        for cell in hardware.cells
        for pages in cell.huge_pages
        if pages.count
    }
