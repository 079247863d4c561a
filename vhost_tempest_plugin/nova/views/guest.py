# SPDX-License-Identifier: Apache-2.0
"""What the five say of one guest at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vhost_tempest_plugin.host.nested_guest.report import GuestReport
from vhost_tempest_plugin.host.observe.host_view import HostDevice
from vhost_tempest_plugin.hypervisor.domain import GuestDomain
from vhost_tempest_plugin.nova.expect import Observation
from vhost_tempest_plugin.nova.views.nova import TrackedDevice
from vhost_tempest_plugin.nova.views.placement import Holding
from vhost_tempest_plugin.topology.pci import PciAddress


class Power(StrEnum):
    """Whether a guest has its devices in hand.

    Of one that is off the host's own drivers hold them, and of a suspended one: Nova takes them
    from it first.  They stay the guest's in Nova's books.
    """

    ON = "on"
    OFF = "off"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class GuestViews:
    """A guest that has a host.

    :param host: its name
    :param domain: libvirt's; None where libvirt knows no such guest
    :param sysfs: the host's devices
    :param nova: the rows of ``pci_devices`` that are the guest's
    :param recorded: ``instance_extra.numa_topology``; None where Nova has no such guest there
    :param api: the server topology
    :param holdings: what it has in Placement
    :param reported_devices: whether the host's devices are in Placement
    :param report: None where it was not waited for
    :param in_reserve: devices that are the guest's for another host or flavor, while a resize
        waits to be confirmed
    """

    guest: str
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
    in_reserve: frozenset[PciAddress] = frozenset()
