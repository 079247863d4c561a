# SPDX-License-Identifier: Apache-2.0
"""``[whitebox-hardware]`` of whitebox-tempest-plugin, which has the hardware told by hand.

The options are those of its config.py (2026).  It knows one hardware for all hosts.
"""

from collections.abc import Iterable, Mapping, Sequence

from vhost_tempest_plugin import novaconf
from vhost_tempest_plugin.configuration.settings import Options
from vhost_tempest_plugin.layout import Layout
from vhost_tempest_plugin.novaconf import DeviceType, NumaPolicy

_SECTION = "whitebox-hardware"


def options(layout: Layout, hosts: Sequence[str], *, pci_in_placement: bool = False) -> Options:
    """What there is to say of *hosts*, all of them with *layout*.

    Counts of CPUs are those of the node that has the fewest: a test that takes so many finds
    them on any.  Left out is what needs a network of neutron's (``sriov_*``, ``vdpa_*``) and
    what an emulated host has not (vGPUs).
    """
    host = layout.host
    cpus = novaconf.cpu_sets(layout)
    nodes = [node for node in host.nodes if node.cpus]
    facts = {
        "cpu_topology": _map({node.id: sorted(node.cpus) for node in nodes}),
        "dedicated_cpus_per_numa": str(min(len(node.cpus & cpus.dedicated) for node in nodes)),
        "shared_cpus_per_numa": str(min(len(node.cpus & cpus.shared) for node in nodes)),
        "socket_topology": _map(_sockets(layout)),
    }
    if host.cpus.threads > 1:
        facts["smt_hosts"] = ",".join(hosts)
    if sizes := sorted({pages.size_kib for node in nodes for pages in node.huge_pages}):
        facts["configured_hugepage_sizes"] = ",".join(map(str, sizes))
    return {_SECTION: {**facts, **_devices(layout, pci_in_placement)}}


def _devices(layout: Layout, pci_in_placement: bool) -> Mapping[str, str]:
    """The devices of the first kind that there is; that of an alias without a policy."""
    rows = novaconf.expected_devices(layout)
    if not rows:
        return {}
    first = rows[0]
    same = [row for row in rows if _kind(row) == _kind(first)]
    kinds = [kind for device in layout.devices for kind in novaconf.kinds(device.model)]
    named = next(
        kind
        for kind in kinds
        if (f"{kind.id.vendor:04x}", f"{kind.id.product:04x}", kind.dev_type) == _kind(first)
    )
    facts = {
        "pci_passthrough_alias": named.alias(NumaPolicy.PREFERRED),
        "pci_passthrough_addresses": ",".join(str(row.address) for row in same),
    }
    if pci_in_placement:
        facts["pci_passthrough_resource_class"] = (
            f"CUSTOM_PCI_{first.vendor_id}_{first.product_id}".upper()
        )
    return facts


def _kind(row: novaconf.PciDeviceRow) -> tuple[str, str, DeviceType]:
    return (row.vendor_id, row.product_id, row.dev_type)


def _sockets(layout: Layout) -> dict[int, list[int]]:
    """The nodes of each socket: a node is on that of its first CPU."""
    cpus = layout.host.cpus
    a_socket = cpus.count // cpus.sockets
    found: dict[int, list[int]] = {}
    for node in layout.host.nodes:
        if node.cpus:
            found.setdefault(min(node.cpus) // a_socket, []).append(node.id)
    return found


def _map(entries: Mapping[int, Iterable[int]]) -> str:
    """As whitebox reads it: ``0: [0,1], 1: [2,3]``."""
    return ", ".join(f"{key}: [{','.join(map(str, of))}]" for key, of in sorted(entries.items()))
