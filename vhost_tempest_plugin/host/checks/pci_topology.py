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
from vhost_tempest_plugin.topology.hardware import Hardware


class PciTopology(Check):
    """Each root bus is there, on its node, with its ports and the NICs behind them."""

    name = "pci-topology"

    def run(self, subject: Subject) -> Finding:
        expected = _facts(subject.hardware)
        observed = _facts(subject.observation.hardware)
        return self.compare(expected, observed, _hint(subject, differences(expected, observed)))


def _facts(hardware: Hardware) -> Facts:
    """Where a port or NIC is follows from the bus in its address."""
    return {
        **{f"bus {root.bus:02x} node": node_words(root.node) for root in hardware.root_buses},
        **{f"port {port.address}": f"to bus {port.secondary_bus:02x}" for port in hardware.ports},
        **{f"NIC {nic.address}": str(nic.id) for nic in hardware.endpoints},
    }


def _hint(subject: Subject, differing: tuple[str, ...]) -> str:
    if any(key.endswith("node") for key in differing):
        where = "the pcie-expander-bus controllers with their busNr and <node>"
    elif any(key.startswith("port ") for key in differing):
        where = "the pcie-root-port controllers on that bus"
    else:
        where = "the <interface> elements behind that bus's root ports"
    return f"QEMU was started with other devices, compare {where} in {subject.xml}; {subject.anew}"
