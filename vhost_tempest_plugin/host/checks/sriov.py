# SPDX-License-Identifier: Apache-2.0
"""Physical functions with SR-IOV, and their virtual functions."""

from vhost_tempest_plugin.host.checks.base import (
    Check,
    Facts,
    Subject,
    by_address,
    node_words,
)
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.topology.hardware import Hardware
from vhost_tempest_plugin.topology.pci import PciAddress


class Sriov(Check):
    """Each physical function has its virtual ones, on its own node."""

    name = "sriov"

    def run(self, subject: Subject) -> Finding:
        expected = _facts(subject.hardware)
        if not expected:
            return self.not_applicable("the topology has no NIC with SR-IOV")
        seen = subject.observation
        hint = _hint(subject, seen.hardware, seen.enabled_vfs)
        return self.compare(expected, _facts(seen.hardware), hint)


def _facts(hardware: Hardware) -> Facts:
    facts = {}
    for nic in hardware.endpoints:
        if nic.total_vfs:
            facts[f"{nic.address} sriov_totalvfs"] = str(nic.total_vfs)
        if nic.physical_function is not None:
            facts[str(nic.address)] = (
                f"VF {nic.id} of {nic.physical_function}, {node_words(nic.node)}"
            )
    return facts


def _hint(subject: Subject, observed: Hardware, enabled: dict[PciAddress, int]) -> str:
    seen = by_address(observed.endpoints)
    expected = subject.hardware
    physical = [nic for nic in expected.endpoints if nic.total_vfs]
    if any(nic.address not in seen for nic in physical):
        return f"a physical function is missing: see the check pci-topology; {subject.anew}"
    if any(seen[nic.address].total_vfs != nic.total_vfs for nic in physical):
        return f"the device is not the topology's, see <interface> in {subject.xml}; {subject.anew}"
    wanted = {nic.address: 0 for nic in physical}
    for nic in expected.endpoints:
        if nic.physical_function is not None:
            wanted[nic.physical_function] += 1
    wrong = [
        f"that of {address} is {enabled.get(address, 0)}, not {count}"
        for address, count in wanted.items()
        if enabled.get(address, 0) != count
    ]
    if wrong:
        return (
            f"sriov_numvfs is wrong, {', '.join(wrong)}: is it in vhost.sriov= of /proc/cmdline, "
            f"and what does 'systemctl status vhost-devices' in the host say? {subject.anew}"
        )
    return f"the virtual functions are not those of this model, or on another node; {subject.anew}"
