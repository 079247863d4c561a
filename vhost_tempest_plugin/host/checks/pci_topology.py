# SPDX-License-Identifier: Apache-2.0
"""The expander buses, each with its root ports and NICs."""

from vhost_tempest_plugin.host.checks.base import (
    Check,
    Facts,
    Subject,
    differences,
    node_words,
)
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.topology.hardware import Hardware, Port
from vhost_tempest_plugin.topology.pci import PciAddress


class PciTopology(Check):
    """Each root bus is there, on its node, with its ports and the NICs behind them."""

    name = "pci-topology"

    def run(self, subject: Subject) -> Finding:
        expected = _facts(subject.hardware)
        observed = _facts(subject.observation.hardware)
        return self.compare(expected, observed, _hint(subject, differences(expected, observed)))


def _facts(hardware: Hardware) -> Facts:
    above = {port.secondary_bus: port for port in hardware.ports}
    facts = {}
    for root in hardware.root_buses:
        ports = [port for port in hardware.ports if _root(port.address, above) == root.bus]
        nics = [nic for nic in hardware.endpoints if _root(nic.address, above) == root.bus]
        facts[f"bus {root.bus:02x} node"] = node_words(root.node)
        facts[f"bus {root.bus:02x} ports"] = ", ".join(map(_port_words, ports)) or "none"
        facts[f"bus {root.bus:02x} NICs"] = (
            ", ".join(f"{nic.address} {nic.id}" for nic in nics) or "none"
        )
    return facts


def _port_words(port: Port) -> str:
    return f"{port.address} to bus {port.secondary_bus:02x}"


def _root(address: PciAddress, above: dict[int, Port]) -> int:
    """The root bus that the function is under; it may be on it."""
    bus = address.bus
    for _ in above:
        if bus not in above:
            break
        bus = above[bus].address.bus
    return bus


def _hint(subject: Subject, differing: tuple[str, ...]) -> str:
    if any(key.endswith("node") for key in differing):
        where = "the pcie-expander-bus controllers with their busNr and <node>"
    elif any(key.endswith("ports") for key in differing):
        where = "the pcie-root-port controllers on that bus"
    else:
        where = "the <interface> elements behind that bus's root ports"
    return f"QEMU was started with other devices, compare {where} in {subject.xml}; {subject.anew}"
