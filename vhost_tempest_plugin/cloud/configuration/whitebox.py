# SPDX-License-Identifier: Apache-2.0
"""Options of whitebox-tempest-plugin, which finds out nothing about the hosts by itself.

The options are those of its config.py (2026).  It knows one hardware for all hosts.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Options
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import DeviceType, NumaPolicy
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.layout import Layout

# Where nova-compute of an emulated host has its own files, and what it is called there.
COMPUTE_UNIT = "devstack@n-cpu"
_STATE_PATH = "/var/lib/nova"
# What there is for guests with huge pages must be whole pages of each size.
_SMALL_GUEST_MIB = 64
_KIB_IN_MIB = 1024
# Of a guest of which all CPUs but the first one are realtime's.
_REALTIME_CPUS = 3


def options(
    layout: Layout,
    hosts: Sequence[str],
    *,
    pci_in_placement: bool = False,
    way_in: Mapping[str, str] | None = None,
) -> Options:
    """What there is to say of *hosts*, all of them with *layout*.

    Counts of CPUs are those of the node that has the fewest: a test that takes so many finds
    them on any.  Left out is what needs a network of neutron's (``sriov_*``, ``vdpa_*``) and
    what an emulated host has not (vGPUs).

    :param way_in: what ``way_in`` says, where there is one
    """
    host = layout.host
    cpus = pci_devices.cpu_sets(layout)
    nodes = [node for node in host.nodes if node.cpus]
    dedicated = min(len(node.cpus & cpus.dedicated) for node in nodes)
    facts = {
        "cpu_topology": _map({node.id: sorted(node.cpus) for node in nodes}),
        "dedicated_cpus_per_numa": str(dedicated),
        "shared_cpus_per_numa": str(min(len(node.cpus & cpus.shared) for node in nodes)),
        # Its own devstack plugin says 1-2, for a guest of three CPUs.
        "realtime_mask": cpuset.format(range(1, min(dedicated, _REALTIME_CPUS))),
        "socket_topology": _map(_sockets(layout)),
    }
    if host.cpus.threads > 1:
        facts["smt_hosts"] = ",".join(hosts)
    sizes = sorted({pages.size_kib for node in nodes for pages in node.huge_pages})
    if sizes:
        facts["configured_hugepage_sizes"] = ",".join(map(str, sizes))
    largest_kib = max(sizes, default=0)
    return {
        "whitebox": {
            "max_compute_nodes": str(len(hosts)),
            "hugepage_guest_ram_size": str(max(_SMALL_GUEST_MIB, largest_kib // _KIB_IN_MIB)),
            **(way_in or {}),
        },
        "whitebox-nova-compute": {"state_path": _STATE_PATH, "journalctl_unit": COMPUTE_UNIT},
        "whitebox-hardware": {**facts, **_devices(layout, pci_in_placement)},
    }


def way_in(hosts: Iterable[ComputeHost], key: Path, nodes: Path) -> Mapping[str, str]:
    """How its tests get into hosts that are reached at addresses of their own.

    :param key: the private key that all of them accept
    :param nodes: a file with what ``services`` says
    """
    return {
        "ctlplane_addresses": ",".join(f"{host.name}:{host.address}" for host in hosts),
        "ctlplane_ssh_username": "root",
        "ctlplane_ssh_private_key_path": str(key),
        "nodes_yaml": str(nodes),
    }


def services(hosts: Iterable[ComputeHost], configuration: PurePosixPath) -> str:
    """Its ``nodes_yaml``, of which JSON is a part: what runs in each of the hosts, and on what.

    :param configuration: nova-compute's file there
    """
    return json.dumps({host.name: _host(host, configuration) for host in hosts}, indent=1)


def _host(host: ComputeHost, configuration: PurePosixPath) -> Mapping[str, object]:
    cpus = pci_devices.cpu_sets(host.layout)
    nodes = {node.id: cpuset.format(node.cpus) for node in host.layout.host.nodes}
    return {
        "services": {
            "libvirt": _unit("libvirtd", masks=True),
            "nova-compute": {"config_path": str(configuration), **_unit(COMPUTE_UNIT)},
        },
        "cpu_shared_set": cpuset.format(cpus.shared),
        "cpu_dedicated_set": cpuset.format(cpus.dedicated),
        "topology": {
            f"socket-{socket}": {f"numa-{node}": {"cpus": nodes[node]} for node in on}
            for socket, on in _sockets(host.layout).items()
        },
    }


def _unit(name: str, *, masks: bool = False) -> Mapping[str, str]:
    verbs = ("start", "stop", "mask", "unmask") if masks else ("start", "stop")
    return {f"{verb}_command": f"systemctl {verb} {name}" for verb in verbs}


def _devices(layout: Layout, pci_in_placement: bool) -> Mapping[str, str]:
    """The devices of the first kind that there is; that of an alias without a policy."""
    rows = pci_devices.expected_devices(layout)
    if not rows:
        return {}
    first = rows[0]
    same = [row for row in rows if _kind(row) == _kind(first)]
    kinds = [kind for device in layout.devices for kind in pci_devices.kinds(device.model)]
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


def _kind(row: pci_devices.PciDeviceRow) -> tuple[str, str, DeviceType]:
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
