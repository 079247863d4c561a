# SPDX-License-Identifier: Apache-2.0
"""The same host with its NICs elsewhere."""

from contextlib import suppress
from dataclasses import replace
from itertools import permutations

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology.layout import Layout, lay_out
from vhost_tempest_plugin.topology.model import Host


def without_last(layout: Layout, node: int) -> Layout:
    """The host without the last NIC of a node; the others stay where they are."""
    host = _on_fixed_buses(layout)
    groups = host.nodes[node].devices
    last = replace(groups[-1], count=groups[-1].count - 1, macs=groups[-1].macs[:-1])
    kept = (*groups[:-1], last) if last.count else groups[:-1]
    bus = host.nodes[node].bus if kept else None
    changed = replace(host.nodes[node], devices=kept, bus=bus)
    nodes = (*host.nodes[:node], changed, *host.nodes[node + 1 :])
    return lay_out(replace(host, nodes=nodes))


def exchanged(layout: Layout) -> Layout:
    """The host with the expander buses of two nodes exchanged.

    The addresses of those NICs that are there before and after are on the other node.

    :raises ValueError: there are no two such nodes
    """
    host = _on_fixed_buses(layout)
    for first, second in permutations([node for node in host.nodes if node.devices], 2):
        nodes = list(host.nodes)
        nodes[first.id] = replace(first, bus=second.bus)
        nodes[second.id] = replace(second, bus=first.bus)
        with suppress(TopologyError):
            return lay_out(replace(host, nodes=tuple(nodes)))
    raise ValueError(f"no two nodes of {host.name!r} can exchange their NICs")


def _on_fixed_buses(layout: Layout) -> Host:
    """The same host, with the buses said that were chosen."""
    buses = {
        controller.node: controller.guest_bus
        for controller in layout.controllers
        if controller.node is not None and controller.parent == 0
    }
    nodes = tuple(replace(node, bus=buses.get(node.id)) for node in layout.host.nodes)
    return replace(layout.host, nodes=nodes)
