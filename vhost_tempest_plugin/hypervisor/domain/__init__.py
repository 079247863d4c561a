# SPDX-License-Identifier: Apache-2.0
"""A layout as libvirt's domain XML, and back (https://libvirt.org/formatdomain.html).

What the XML has no place for (huge pages reserved at boot, virtual functions, drivers,
how devices were grouped, which addresses were left to us) is in the domain's metadata, so
that a running domain can be read with nothing else at hand.
"""

from vhost_tempest_plugin.hypervisor.domain.device import Tap, companion, device_xml, share_serial
from vhost_tempest_plugin.hypervisor.domain.guest import (
    AssignedDevice,
    DomainCell,
    GuestDomain,
    parse_guest,
)
from vhost_tempest_plugin.hypervisor.domain.management import ManagementNic
from vhost_tempest_plugin.hypervisor.domain.parse import alias, parse
from vhost_tempest_plugin.hypervisor.domain.plugged_network import PluggedNetwork
from vhost_tempest_plugin.hypervisor.domain.render import Boot, render

__all__ = [
    "AssignedDevice",
    "Boot",
    "DomainCell",
    "GuestDomain",
    "ManagementNic",
    "PluggedNetwork",
    "Tap",
    "alias",
    "companion",
    "device_xml",
    "parse",
    "parse_guest",
    "render",
    "share_serial",
]
