# SPDX-License-Identifier: Apache-2.0
"""placement: each host has the inventory in Placement that its topology leads to."""

from vhost_tempest_plugin.cloud.configuration import render
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Settings
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks.base import AGAIN, LabCheck, LabSubject
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.views import Provider

# The host's kernel keeps some of the memory for itself.
_LEAST_SHARE = 0.85


class PlacementInventory(LabCheck):
    """VCPU and PCPU by the CPU sets, most of the memory, and a provider for each NIC if wanted."""

    name = "placement"

    def run(self, subject: LabSubject) -> Finding:
        """Compare what the providers have."""
        expected: dict[str, str] = {}
        observed: dict[str, str] = {}
        providers = subject.cloud.providers()
        for host in subject.settings.hosts:
            expected |= _expected(subject.settings, host)
            observed |= _observed(host, providers)
        return self.compare(
            expected,
            {key: value for key, value in observed.items() if key in expected},
            f"see 'vhost lab logs nova-compute' and 'vhost lab logs placement'; {AGAIN}",
        )


def _expected(settings: Settings, host: ComputeHost) -> dict[str, str]:
    cpus = pci_devices.cpu_sets(host.layout)
    facts = {f"{host.name} VCPU": str(len(cpus.shared)), f"{host.name} memory": "most of it"}
    if cpus.dedicated:
        facts[f"{host.name} PCPU"] = str(len(cpus.dedicated))
    pci = render.compute_options(settings, host).get("pci", {})
    if str(pci.get("report_in_placement", "")).lower() == "true":
        for row in pci_devices.expected_devices(host.layout):
            facts[f"{host.name}_{str(row.address).upper()}"] = "1"
    return facts


def _observed(host: ComputeHost, providers: tuple[Provider, ...]) -> dict[str, str]:
    root = next((p for p in providers if p.name == host.name), None)
    if root is None:
        return {}
    facts = {
        f"{host.name} {kind}": str(inventory.total)
        for kind, inventory in root.inventories.items()
        if kind in ("VCPU", "PCPU")
    }
    memory = root.inventories.get("MEMORY_MB")
    total_mib = memory.total if memory else 0
    wanted_mib = host.layout.host.memory_mib
    enough = _LEAST_SHARE * wanted_mib <= total_mib <= wanted_mib
    facts[f"{host.name} memory"] = "most of it" if enough else f"{total_mib} of {wanted_mib} MiB"
    for child in providers:
        if child.parent == root.uuid:
            facts[child.name] = str(sum(i.total for i in child.inventories.values()))
    return facts
