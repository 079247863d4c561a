# SPDX-License-Identifier: Apache-2.0
"""What the five views say of one server at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vhost_tempest_plugin.host.nested_guest.report import GuestReport
from vhost_tempest_plugin.host.observe.host_view import HostDevice, HostView
from vhost_tempest_plugin.hypervisor.domain import GuestDomain
from vhost_tempest_plugin.nova.expect import Observation
from vhost_tempest_plugin.nova.views.nova import NovaView, TrackedDevice
from vhost_tempest_plugin.nova.views.placement import Holding
from vhost_tempest_plugin.topology.pci import PciAddress


class Power(StrEnum):
    """Whether a server runs with its devices.

    While it is off or suspended, the host's own drivers have its devices: Nova detaches them
    before it suspends.  Nova's database goes on allocating them to the server.
    """

    ON = "on"
    OFF = "off"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class ServerViews:
    """A server that has a host.

    :param server: its uuid
    :param host: the host's name
    :param domain: libvirt's; None where libvirt has no such domain
    :param sysfs: the host's devices
    :param nova: the rows of ``pci_devices`` that are allocated to it
    :param recorded: ``instance_extra.numa_topology``; None where Nova has no such server there
    :param api: the server topology
    :param holdings: what it has in Placement
    :param reported_devices: whether the host's devices are in Placement
    :param report: what the guest in it reports; None where nobody waited for that
    :param migration_reserved: devices that it keeps for another host or flavor, while a resize
        waits to be confirmed
    :param pcpu_fallback: whether Placement may have been out of PCPUs when it was scheduled, so
        that it has VCPUs for its dedicated CPUs (``expect.pcpu_fallback``)
    :param physical: the physical function of each of the host's virtual ones, for which Placement
        has the provider
    :param asked: what its flavor (``hw:...``) and its image (``hw_...``) say, as Nova recorded it
    :param compute_version: that of the host's nova-compute (``NovaView``)
    """

    server: str
    host: str
    power: Power
    domain: GuestDomain | None
    sysfs: Mapping[PciAddress, HostDevice]
    nova: tuple[TrackedDevice, ...]
    recorded: Observation | None
    api: Observation | None
    holdings: tuple[Holding, ...]
    reported_devices: bool = False
    report: GuestReport | None = None
    migration_reserved: frozenset[PciAddress] = frozenset()
    pcpu_fallback: bool = False
    physical: Mapping[PciAddress, PciAddress] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)
    compute_version: int = 0


def server_views(
    server: str,
    name: str,
    host: HostView,
    nova: NovaView,
    *,
    api: Observation | None,
    holdings: tuple[Holding, ...],
    power: Power = Power.ON,
    reported_devices: bool = False,
    report: GuestReport | None = None,
    migration_reserved: frozenset[PciAddress] = frozenset(),
    pcpu_fallback: bool = False,
    physical: Mapping[PciAddress, PciAddress] | None = None,
) -> ServerViews:
    """The views of a server, from those of its host; parameters as of ``ServerViews``.

    :param name: the host's
    :param host: what the host itself says
    :param nova: what Nova's database says of the host
    """
    return ServerViews(
        server=server,
        host=name,
        power=power,
        domain=host.domains.get(server),
        sysfs=host.devices,
        nova=nova.of(server),
        recorded=nova.instances.get(server),
        api=api,
        holdings=holdings,
        reported_devices=reported_devices,
        report=report,
        migration_reserved=migration_reserved,
        pcpu_fallback=pcpu_fallback,
        physical=physical or {},
        asked=nova.asked.get(server, {}),
        compute_version=nova.compute_version,
    )
