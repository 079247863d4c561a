# SPDX-License-Identifier: Apache-2.0
"""A guest inside the host gets an address by DHCP through a NIC that is assigned to it.

That proves DMA and interrupts through the emulated IOMMU.
"""

from vhost_tempest_plugin.host import nested_guest
from vhost_tempest_plugin.host.checks.base import Check, Subject, differences
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.host.checks.nested_run import Attempt, NestedRun
from vhost_tempest_plugin.topology.hardware import Endpoint, Hardware
from vhost_tempest_plugin.topology.pci import PciId


class NestedGuest(Check):
    """The guest sees exactly the NIC that it was given, and reaches a DHCP server through it."""

    name = "nested-guest"

    def run(self, subject: Subject) -> Finding:
        if subject.iommu is None:
            return self.not_applicable("vfio needs an IOMMU, and the topology has none")
        nics = candidates(subject.hardware)
        if not nics:
            return self.not_applicable("the topology has no NICs")
        image = nested_guest.build(subject.progress)
        attempts = {}
        with NestedRun(subject, subject.iommu, image) as nested:
            for nic in nics:
                subject.progress(f"nested guest: assigning {nic.address}")
                attempts[nic] = nested.attempt(nic)
                subject.progress(f"nested guest: {nic.address}: {attempts[nic].words()}")
        expected = {str(nic.address): _expected(nic) for nic in nics}
        observed = {str(nic.address): attempt.words() for nic, attempt in attempts.items()}
        differing = differences(expected, observed)
        hints = [
            a.hint(subject, nic) for nic, a in attempts.items() if str(nic.address) in differing
        ]
        return self.compare(expected, observed, "; ".join(dict.fromkeys(hints)))


def candidates(hardware: Hardware) -> tuple[Endpoint, ...]:
    """The NICs to try: a physical function of each node, and each other kind of function once.

    A physical function whose virtual ones are enabled is not tried: assigned, it loses them.
    """
    parents = {nic.physical_function for nic in hardware.endpoints}
    able = [nic for nic in hardware.endpoints if nic.address not in parents]
    of_node: dict[int | None, Endpoint] = {}
    for nic in able:
        if nic.physical_function is None:
            of_node.setdefault(nic.node, nic)
    tried = {nic.id for nic in of_node.values()}
    others: dict[PciId, Endpoint] = {}
    for nic in able:
        if nic.id not in tried:
            others.setdefault(nic.id, nic)
    return tuple(sorted((*of_node.values(), *others.values()), key=lambda nic: nic.address))


def _expected(nic: Endpoint) -> str:
    return Attempt(seen=(nic.id,), leased=True, driver=nic.driver).words()
