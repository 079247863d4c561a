# SPDX-License-Identifier: Apache-2.0
"""The company each NIC has in its IOMMU group."""

from vhost_tempest_plugin.host.checks.base import ANEW, Check, Facts, Subject, by_address
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.host.observe import Observation
from vhost_tempest_plugin.topology.hardware import Endpoint

_NO_GROUP = "in no group"
_ABSENT = "absent"


class IommuGroups(Check):
    """Each NIC is alone in its group, so that it can be assigned alone."""

    name = "iommu-groups"

    def run(self, subject: Subject) -> Finding:
        if not subject.has_iommu:
            return self.not_applicable("the topology has no IOMMU")
        if not subject.hardware.endpoints:
            return self.not_applicable("the topology has no NICs")
        seen = by_address(subject.observation.hardware.endpoints)
        expected = {str(nic.address): _company(nic) for nic in subject.hardware.endpoints}
        observed = {
            str(nic.address): _company(seen.get(nic.address)) for nic in subject.hardware.endpoints
        }
        return self.compare(expected, observed, _remedy(observed, subject.observation))


def _company(nic: Endpoint | None) -> str:
    if nic is None:
        return _ABSENT
    if not nic.group:
        return _NO_GROUP
    others = sorted(nic.group - {nic.address})
    return f"with {' '.join(map(str, others))}" if others else "alone"


def _remedy(observed: Facts, seen: Observation) -> str:
    if _NO_GROUP in observed.values():
        return f"the IOMMU is not active, the check iommu-active tells why; {ANEW}"
    if _ABSENT in observed.values():
        return f"a NIC is not where it should be, the check pci-topology tells more; {ANEW}"
    shared = {
        member
        for nic in seen.hardware.endpoints
        for member in nic.group
        if nic.group - {nic.address}
    }
    bridges = sorted(port.address for port in seen.hardware.ports if port.address in shared)
    above = f" ({' '.join(map(str, bridges))} in the group)" if bridges else ""
    return (
        f"a bridge above them does not separate its functions (no ACS){above}: put each NIC "
        f"directly behind a pcie-root-port of its own; {ANEW}"
    )
