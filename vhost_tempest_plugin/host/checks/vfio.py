# SPDX-License-Identifier: Apache-2.0
"""vfio-pci, and which driver holds each NIC."""

from vhost_tempest_plugin.host.checks.base import Check, Facts, Subject, differences
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.topology.hardware import Hardware
from vhost_tempest_plugin.topology.model import Binding

_MODULE = "vfio-pci module"


class Vfio(Check):
    """vfio-pci is there to take NICs, and holds those that it should from the start."""

    name = "vfio"

    def run(self, subject: Subject) -> Finding:
        if subject.iommu is None:
            return self.not_applicable("vfio needs an IOMMU, and the topology has none")
        expected = {_MODULE: "loaded", **_drivers(subject.hardware)}
        observed = {
            _MODULE: "loaded" if self._loaded(subject) else "cannot be loaded",
            **_drivers(subject.observation.hardware),
        }
        return self.compare(expected, observed, _hint(subject, expected, observed))

    @staticmethod
    def _loaded(subject: Subject) -> bool:
        if subject.observation.vfio_pci:
            return True
        # libvirt and Nova load it when they first need it; so is it here.
        return subject.connection.run(["modprobe", "vfio-pci"], check=False).returncode == 0


def _drivers(hardware: Hardware) -> Facts:
    return {str(nic.address): nic.driver or "no driver" for nic in hardware.endpoints}


def _hint(subject: Subject, expected: Facts, observed: Facts) -> str:
    differing = differences(expected, observed)
    if _MODULE in differing:
        return (
            "the host's kernel lacks vfio-pci or does not take it: 'modprobe vfio-pci' in the host "
            "says which; if it lacks, rebuild the image"
        )
    if any(key not in observed or key not in expected for key in differing):
        return f"a NIC is not where it should be: see the check pci-topology; {subject.anew}"
    if any(observed[key] == Binding.VFIO_PCI for key in differing):
        return (
            "a guest that has the NIC may still run ('virsh list' in the host); else give it back "
            "with 'virsh nodedev-reattach pci_...'"
        )
    if any(expected[key] == Binding.VFIO_PCI for key in differing):
        return (
            "the NIC was not bound at boot: is it in vhost.vfio= of /proc/cmdline, and what does "
            f"'systemctl status vhost-devices' in the host say? {subject.anew}"
        )
    return "the kernel's driver did not take the NIC, 'dmesg' in the host says why"
