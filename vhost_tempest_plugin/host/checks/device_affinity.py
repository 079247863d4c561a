# SPDX-License-Identifier: Apache-2.0
"""The NUMA node of each NIC."""

from vhost_tempest_plugin.host.checks.base import (
    Check,
    Facts,
    Subject,
    differences,
    node_words,
)
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.topology.hardware import Hardware


class DeviceAffinity(Check):
    """The kernel sees each NIC on its node."""

    name = "device-affinity"

    def run(self, subject: Subject) -> Finding:
        expected = _facts(subject.hardware)
        observed = _facts(subject.observation.hardware)
        if not expected and not observed:
            return self.not_applicable("the topology has no NICs")
        hint = _hint(subject, expected, observed)
        return self.compare(expected, observed, hint)


def _facts(hardware: Hardware) -> Facts:
    return {str(nic.address): node_words(nic.node) for nic in hardware.endpoints}


def _hint(subject: Subject, expected: Facts, observed: Facts) -> str:
    differing = differences(expected, observed)
    if any(key not in observed or key not in expected for key in differing):
        return f"a NIC is not where it should be: see the check pci-topology; {subject.anew}"
    if all(observed[key] == node_words(None) for key in differing):
        return (
            "the buses have no node: their pcie-expander-bus lacks <node> in "
            f"{subject.xml}, or the kernel runs with numa=off; {subject.anew}"
        )
    return (
        "the NIC is behind another node's pcie-expander-bus, see <node> of the controllers in "
        f"{subject.xml}; {subject.anew}"
    )
