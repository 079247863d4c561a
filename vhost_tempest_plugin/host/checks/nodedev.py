# SPDX-License-Identifier: Apache-2.0
"""Each NIC as libvirt in the host sees it, which is what Nova reports."""

from vhost_tempest_plugin.host.checks.base import (
    Check,
    Facts,
    Subject,
    by_address,
    differences,
    node_words,
)
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.host.observe.libvirt_view import NodeDevice
from vhost_tempest_plugin.topology.hardware import Endpoint
from vhost_tempest_plugin.topology.pci import PciAddress

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
        seen = by_address(subject.observation.hardware.endpoints)
        expected: dict[str, str] = {}
        observed: dict[str, str] = {}
        kernel: dict[str, str] = {}
        for nic in nics:
            group = groups.get(nic.address)
            expected |= _facts(nic.address, nic, group, some)
            device = known.get(nic.address)
            observed |= _facts(nic.address, device, device.group if device else None)
            kernel |= _facts(nic.address, seen.get(nic.address), group)
        if not differences(kernel, observed):
            hint = f"libvirt agrees with the kernel: see the other checks; {subject.anew}"
        else:
            hint = (
                "libvirt and the kernel disagree: 'systemctl restart libvirtd' in the host, then "
                "look at 'virsh nodedev-list --cap pci'"
            )
        return self.compare(expected, observed, hint)


def _facts(
    address: PciAddress,
    device: Endpoint | NodeDevice | None,
    group: int | None,
    without: str = _NO_GROUP,
) -> Facts:
    """What is known of a NIC, item by item."""
    if device is None:
        return {f"{address} product": _ABSENT}
    return {
        f"{address} product": str(device.id),
        f"{address} node": node_words(device.node),
        f"{address} IOMMU group": without if group is None else f"group {group}",
    }
