# SPDX-License-Identifier: Apache-2.0
"""Each NIC as libvirt in the host sees it, which is what Nova reports."""

from vhost_tempest_plugin.host.checks.base import (
    Check,
    Subject,
    by_address,
    differences,
    node_words,
)
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.topology.pci import PciId

_ABSENT = "unknown to libvirt"
_NO_GROUP = "no group"


class Nodedev(Check):
    """libvirt shows product, node and IOMMU group as topology and kernel do."""

    name = "nodedev"

    def run(self, subject: Subject) -> Finding:
        nics = subject.hardware.endpoints
        if not nics:
            return self.not_applicable("the topology has no NICs")
        groups = subject.observation.groups
        known = subject.libvirt.devices
        # A group's number is the kernel's choice; whether there is one is the topology's.
        some = _NO_GROUP if subject.iommu is None else "a group"
        expected = {
            str(nic.address): _words(nic.id, nic.node, groups.get(nic.address), some)
            for nic in nics
        }
        observed = {
            str(nic.address): _words(device.id, device.node, device.group)
            if (device := known.get(nic.address))
            else _ABSENT
            for nic in nics
        }
        seen = by_address(subject.observation.hardware.endpoints)
        kernel = {
            str(nic.address): _words(found.id, found.node, groups.get(nic.address))
            if (found := seen.get(nic.address))
            else _ABSENT
            for nic in nics
        }
        if not differences(kernel, observed):
            hint = f"libvirt agrees with the kernel: see the other checks; {subject.anew}"
        else:
            hint = (
                "libvirt and the kernel disagree: 'systemctl restart libvirtd' in the host, then "
                "look at 'virsh nodedev-list --cap pci'"
            )
        return self.compare(expected, observed, hint)


def _words(identity: PciId, node: int | None, group: int | None, without: str = _NO_GROUP) -> str:
    return f"{identity}, {node_words(node)}, {without if group is None else f'group {group}'}"
