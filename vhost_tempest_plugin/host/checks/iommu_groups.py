# SPDX-License-Identifier: Apache-2.0
"""The company each NIC has in its IOMMU group."""

from vhost_tempest_plugin.host.checks.base import Check, Facts, Subject, by_address
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.topology.hardware import Endpoint

_NO_GROUP = "in no group"
_ABSENT = "absent"


class IommuGroups(Check):
    """Each NIC is alone in its group, so that it can be assigned alone."""

    name = "iommu-groups"

    def run(self, subject: Subject) -> Finding:
        if subject.iommu is None:
            return self.not_applicable("the topology has no IOMMU")
        if not subject.hardware.endpoints:
            return self.not_applicable("the topology has no NICs")
        seen = by_address(subject.observation.hardware.endpoints)
        expected = {str(nic.address): _company(nic) for nic in subject.hardware.endpoints}
        observed = {
            str(nic.address): _company(seen.get(nic.address)) for nic in subject.hardware.endpoints
        }
        return self.compare(expected, observed, _hint(subject, observed))


def _company(nic: Endpoint | None) -> str:
    if nic is None:
        return _ABSENT
    if not nic.group:
        return _NO_GROUP
    others = sorted(nic.group - {nic.address})
    return f"with {' '.join(map(str, others))}" if others else "alone"


def _hint(subject: Subject, observed: Facts) -> str:
    if _NO_GROUP in observed.values():
        return f"the IOMMU is not active: see the check iommu-active; {subject.anew}"
    if _ABSENT in observed.values():
        return f"a NIC is not where it should be: see the check pci-topology; {subject.anew}"
    shared = {
        member
        for nic in subject.observation.hardware.endpoints
        for member in nic.group
        if nic.group - {nic.address}
    }
    bridges = sorted(
        port.address for port in subject.observation.hardware.ports if port.address in shared
    )
    above = f" ({' '.join(map(str, bridges))} in the group)" if bridges else ""
    return (
        f"a bridge above them does not separate its functions (no ACS){above}: put each NIC "
        f"directly behind a pcie-root-port of its own; {subject.anew}"
    )
