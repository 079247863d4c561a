# SPDX-License-Identifier: Apache-2.0
"""All accounts of the compute hosts at one moment, to be compared with those of another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from vhost_tempest_plugin.hypervisor.domain import GuestDomain
from vhost_tempest_plugin.nova.views import HostDevice, NovaView, Provider
from vhost_tempest_plugin.scenario.inspection.observed_host import ObservedHost
from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class HostAccounting:
    """The accounts of one host.

    :param domains: libvirt's domains by uuid
    :param devices: the host's own account of its devices, as text by address
    """

    nova: NovaView
    providers: tuple[Provider, ...]
    domains: Mapping[str, GuestDomain] = field(default_factory=dict)
    devices: Mapping[str, HostDevice] = field(default_factory=dict)

    def facts(self) -> Iterator[tuple[str, str]]:
        """Everything in it, named."""
        yield "the compute node", self.nova.compute_node
        for device in self.nova.devices:
            row = device.row
            words = f"{row.dev_type} on node {row.numa_node}, {device.status} {device.instance}"
            yield f"Nova's {row.address}", words.strip()
        for server, seen in self.nova.instances.items():
            yield f"Nova's instance {server}", str(seen)
        for provider in self.providers:
            yield f"Placement's {provider.name}", _described(provider)
        for server, domain in self.domains.items():
            yield f"libvirt's domain {server}", str(domain)
        for address, held in self.devices.items():
            words = f"driver {held.driver}, held by {', '.join(sorted(held.holders)) or 'nobody'}"
            yield f"the host's {address}", words


@dataclass(frozen=True, slots=True)
class Accounting:
    """Those of all hosts, by name."""

    hosts: Mapping[str, HostAccounting]

    def of_nova(self) -> "Accounting":
        """Nova's and Placement's accounts alone."""
        return Accounting(
            {
                name: HostAccounting(account.nova, account.providers)
                for name, account in self.hosts.items()
            }
        )


def read(hosts: Mapping[str, ObservedHost]) -> Accounting:
    """The accounts now."""
    accounts = {}
    for name, host in hosts.items():
        snapshot = host.snapshot()
        devices = {
            str(address): snapshot.host.devices[address] for address in _tracked(snapshot.nova)
        }
        accounts[name] = HostAccounting(
            snapshot.nova, host.providers(), snapshot.host.domains, devices
        )
    return Accounting(accounts)


def changes(before: Accounting, after: Accounting) -> tuple[str, ...]:
    """In what they differ; none where all are the same."""
    lines = []
    for name in sorted(before.hosts.keys() | after.hosts.keys()):
        was = dict(before.hosts[name].facts()) if name in before.hosts else {}
        now = dict(after.hosts[name].facts()) if name in after.hosts else {}
        lines += [
            f"{name}: {fact} was {was.get(fact, 'absent')}, is {now.get(fact, 'absent')}"
            for fact in sorted(was.keys() | now.keys())
            if was.get(fact) != now.get(fact)
        ]
    return tuple(lines)


def _tracked(nova: NovaView) -> Iterator[PciAddress]:
    return (device.row.address for device in nova.devices)


def _described(provider: Provider) -> str:
    amounts = ", ".join(
        f"{kind} {inventory.used} of {inventory.total} ({inventory.reserved} reserved)"
        for kind, inventory in sorted(provider.inventories.items())
    )
    return f"{amounts}; {', '.join(sorted(provider.traits))}"
