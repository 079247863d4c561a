# SPDX-License-Identifier: Apache-2.0
"""The NIC through which this machine reaches a host by ssh, on user-mode networking."""

from dataclasses import dataclass
from typing import ClassVar, Self

from lxml import etree

from vhost_tempest_plugin.hypervisor.domain.element import Element, add, address
from vhost_tempest_plugin.hypervisor.domain.user_network import UserNetwork
from vhost_tempest_plugin.topology.layout import MANAGEMENT


@dataclass(frozen=True, slots=True)
class ManagementNic:
    """The first interface of a domain.

    :cvar NETDEV: what QEMU calls its network
    """

    NETDEV: ClassVar[str] = UserNetwork(0).name
    _MODEL: ClassVar[str] = "virtio"

    mac: str

    @classmethod
    def read(cls, domain: etree._Element) -> Self:
        """That of a domain element.

        :raises ValueError: it has none
        """
        mac = domain.find(f"devices/interface[@type='user']/model[@type='{cls._MODEL}']/../mac")
        if mac is None:
            raise ValueError("no management NIC")
        return cls(mac.attrib["address"])

    def add(self, devices: Element) -> Element:
        """Put it into *devices*, before all other interfaces; gives the element of its address."""
        interface = add(devices, "interface", type="user")
        add(interface, "mac", address=self.mac)
        add(interface, "model", type=self._MODEL)
        add(interface, "rom", enabled="no")
        return address(interface, MANAGEMENT)
