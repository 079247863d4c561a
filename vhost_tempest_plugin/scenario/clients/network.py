# SPDX-License-Identifier: Apache-2.0
"""Neutron's API in the words of scenarios: ordinary ports, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from typing import Any

from vhost_tempest_plugin.scenario.clients.naming import name

# For documentation (RFC 5737), so that it is nobody's.
_SUBNET = "198.51.100.0/24"


@dataclass(frozen=True, slots=True)
class Port:
    """An ordinary port.

    :param host: the compute host that it is bound to, empty for none
    :param state: ``ACTIVE`` once its server can send
    """

    id: str
    mac: str
    address: IPv4Address
    host: str
    state: str


class NetworkClient:
    """Networks and ports of an administrator's project; each is undone by what ``undo`` is given.

    :param manager: tempest's client manager
    :param undo: takes what removes a thing, to be called in the end, the last first
    """

    def __init__(self, manager: Any, undo: Callable[[Callable[[], object]], None]) -> None:
        self._networks = manager.networks_client
        self._subnets = manager.subnets_client
        self._ports = manager.ports_client
        self._undo = undo

    def network(self) -> str:
        """The id of a new network with a subnet, whose servers get addresses by DHCP."""
        made = str(self._networks.create_network(name=name())["network"]["id"])
        self._undo(partial(self._networks.delete_network, made))
        self._subnets.create_subnet(network_id=made, cidr=_SUBNET, ip_version=4, gateway_ip=None)
        return made

    def port(self, network: str) -> Port:
        """A new port of a network's."""
        made = self._ports.create_port(network_id=network, name=name())["port"]
        self._undo(partial(self._ports.delete_port, made["id"]))
        return _port(made)

    def shown(self, port: Port) -> Port:
        """The port as it is now."""
        return _port(self._ports.show_port(port.id)["port"])


def _port(said: Mapping[str, Any]) -> Port:
    return Port(
        id=said["id"],
        mac=said["mac_address"],
        address=IPv4Address(said["fixed_ips"][0]["ip_address"]),
        host=said["binding:host_id"],
        state=said["status"],
    )
