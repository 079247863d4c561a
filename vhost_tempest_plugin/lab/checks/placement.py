# SPDX-License-Identifier: Apache-2.0
"""placement: each host has the inventory that its hardware and nova-compute's options lead to."""

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks.base import LabCheck, LabSubject
from vhost_tempest_plugin.nova.compute_options import ComputeOptions
from vhost_tempest_plugin.nova.device_spec import InterfaceNameError
from vhost_tempest_plugin.nova.expect import device_providers
from vhost_tempest_plugin.nova.views import Provider

# The host's kernel keeps some of the memory for itself.
_LEAST_SHARE = 0.85
_CPU_CLASSES = ("VCPU", "PCPU")


class PlacementInventory(LabCheck):
    """VCPU and PCPU by the CPU sets, most of the memory, and a provider for each NIC if wanted.

    A provider that nothing leads to is a difference too: one of a host that is gone, or of a
    device that Nova does not track any more.
    """

    name = "placement"

    def run(self, subject: LabSubject) -> Finding:
        """Compare what the providers have."""
        expected: dict[str, str] = {}
        providers = subject.cloud.placement.providers()
        hosts = {host.name: host for host in subject.settings.hosts}
        try:
            for host in hosts.values():
                expected |= _expected(host, subject.in_force(host))
        except InterfaceNameError as error:
            return self.not_applicable(str(error))
        observed: dict[str, str] = {}
        for provider in providers:
            if provider.parent is not None:
                observed[provider.name] = _device(provider)
            elif provider.name in hosts:
                observed |= _host(hosts[provider.name], subject, provider)
            else:
                observed[provider.name] = "a host"
        return self.compare(
            expected,
            observed,
            f"{subject.logs(Service.NOVA_COMPUTE)} and {subject.logs(Service.PLACEMENT)} show why; "
            f"{subject.again}",
        )


def _expected(host: ComputeHost, options: ComputeOptions) -> dict[str, str]:
    facts = {f"{host.name} memory": _memory(options)}
    for name, cpus in zip(_CPU_CLASSES, (options.cpus.shared, options.cpus.dedicated), strict=True):
        if cpus:
            facts[f"{host.name} {name}"] = str(len(cpus))
    if options.reports_devices:
        for device in device_providers(host.layout, options.entries):
            facts[device.name(host.name)] = f"{device.total} {device.resource_class}"
    return facts


def _host(host: ComputeHost, subject: LabSubject, root: Provider) -> dict[str, str]:
    facts = {
        f"{host.name} {kind}": str(inventory.total)
        for kind, inventory in root.inventories.items()
        if kind in _CPU_CLASSES
    }
    memory = root.inventories.get("MEMORY_MB")
    total_mib = memory.total if memory else 0
    options, wanted_mib = subject.in_force(host), host.layout.host.memory_mib
    enough = _LEAST_SHARE * wanted_mib <= total_mib <= wanted_mib
    if options.memory_mib:
        facts[f"{host.name} memory"] = f"{total_mib} MiB"
    else:
        facts[f"{host.name} memory"] = (
            _memory(options) if enough else f"{total_mib} of {wanted_mib} MiB"
        )
    return facts


def _memory(options: ComputeOptions) -> str:
    return f"{options.memory_mib} MiB" if options.memory_mib else "most of it"


def _device(provider: Provider) -> str:
    return ", ".join(
        f"{inventory.total} {name}" for name, inventory in sorted(provider.inventories.items())
    )
