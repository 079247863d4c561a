# SPDX-License-Identifier: Apache-2.0
"""What Nova decides, by its own code; run as a script by the Python of a lab's environment.

A JSON object a line on standard input, the answer a line on standard output::

    {"aliases": ["{...}", ...]}    first: [pci] alias, answered with {}
    {"capabilities": "<capabilities>...", "shared": "0-1", "dedicated": "2-3",
     "load": {"0": {"pinned": [2], "floating": 1, "memory_mib": 64, "pages": {"4": 16384}}},
     "devices": [{"address": ..., "parent_addr": ..., ...}], "taken": [address, ...],
     "device_spec": ["{...}", ...], "pack": false, "cpu_ratio": 4.0, "ram_ratio": 1.0,
     "reserved_mib": 512, "vcpus": 0, "memory_mib": 0,      of guests without NUMA nodes
     "requests": [{"vcpus": 1, "memory_mib": 64, "extra_specs": {}, "image": {}}],
     "repairs": ["name", ...], "ways": false}

The requests come one after the other, each to the host as the ones before have left it.  An
answer is a list with an object for each of them, see ``Host.answer``; with "ways" it is instead
a list of all the ways in which the first request can be placed, see ``Host.ways``.
"""

import itertools
import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

import nova_objects
import repairs
from nova import exception, objects
from nova.api.openstack.compute import servers
from nova.conf import CONF
from nova.conf import neutron as neutron_options
from nova.objects import pci_device_pool
from nova.pci import stats, whitelist
from nova.scheduler import utils
from nova.scheduler.filters import numa_topology_filter, pci_passthrough_filter
from nova.virt import hardware

Json = dict[str, Any]


class Host:
    """A compute node, and its resource tracker as far as NUMA and PCI go."""

    def __init__(self, case: Json) -> None:
        CONF.set_override("cpu_shared_set", case["shared"] or None, "compute")
        CONF.set_override("cpu_dedicated_set", case["dedicated"] or None, "compute")
        CONF.set_override("packing_host_numa_cells_allocation_strategy", case["pack"], "compute")
        self.limits = objects.NUMATopologyLimits(
            cpu_allocation_ratio=case["cpu_ratio"], ram_allocation_ratio=case["ram_ratio"]
        )
        self.topology = nova_objects.topology(case["capabilities"])
        for cell in self.topology.cells:
            nova_objects.burden(cell, case["load"].get(str(cell.id)))
        self.stats = stats.PciDeviceStats(
            self.topology, dev_filter=whitelist.Whitelist(case["device_spec"])
        )
        for words in case["devices"]:
            if words["address"] not in case["taken"]:
                self.stats.add_device(nova_objects.device(words))
        shared = sum(len(cell.cpuset) for cell in self.topology.cells)
        memory_mib = sum(cell.memory for cell in self.topology.cells)
        # As nova/virt/libvirt/driver.py, update_provider_tree, reports them to Placement.
        self.inventories = {
            "VCPU": (shared, 0, case["cpu_ratio"]),
            "MEMORY_MB": (memory_mib, case["reserved_mib"], case["ram_ratio"]),
        }
        self.used = {
            "VCPU": case["vcpus"] + sum(cell.cpu_usage for cell in self.topology.cells),
            "MEMORY_MB": case["memory_mib"]
            + sum(cell.memory_usage for cell in self.topology.cells),
        }

    def answer(self, request: Json) -> Json:
        """One of these, and the tracker has the guest if it is placed::

        {"exception": class, "http_status": 400}
        {"lacks": "placement" | "pci" | "numa" | "both", "resources": {class: amount}}
        {"nodes": [{"node": 0, "pins": {"0": 2}, "floating": [0], "memory_mib": 64,
                    "page_size_kib": null}], "reserved": [3],
         "devices": [address], "resources": {class: amount}, "load": as above}
        {"broken": message}     placed, and the tracker cannot take it; or Nova's code breaks
        """
        try:
            spec = nova_objects.spec(request)
        except exception.NovaException as error:
            return {"exception": type(error).__name__, "http_status": _status(error)}
        resources = _resources(spec)
        wanted = spec.pci_requests.requests
        if not self._has(resources):
            return {"lacks": "placement", "resources": resources}
        if not self._passes(spec):
            return {"lacks": self._lacks(spec), "resources": resources}
        # The claim, in the order of nova/compute/resource_tracker.py, instance_claim.
        claimed = self._fit(spec.numa_topology, wanted) if spec.numa_topology else None
        if spec.numa_topology and not claimed:
            return {"lacks": "pci", "resources": resources}
        try:
            cells = claimed.cells if claimed else None
            # As nova/pci/manager.py, _claim_instance: nothing where nothing is asked for.
            devices = self.stats.consume_requests(wanted, cells) or []
            self.topology = hardware.numa_usage_from_instance_numa(self.topology, claimed)
        except exception.PciDeviceRequestFailed:
            return {"lacks": "pci", "resources": resources}
        except exception.Invalid as error:
            return {"broken": f"{type(error).__name__}: {error}"}
        self.stats.numa_topology = self.topology
        for name in self.used:
            self.used[name] += resources.get(name, 0)
        return {
            "nodes": [self._node(cell) for cell in claimed.cells] if claimed else [],
            "reserved": sorted(claimed.cpuset_reserved) if claimed else [],
            "devices": sorted(device.address for device in devices),
            "resources": resources,
            "load": {str(cell.id): nova_objects.load(cell) for cell in self.topology.cells},
        }

    def ways(self, request: Json) -> list[list[int]]:
        """The host's nodes of the guest's, in each way that Nova would take.

        It is offered nothing else: these nodes, in this order.
        """
        spec = nova_objects.spec(request)
        found = []
        for cells in itertools.permutations(self.topology.cells, len(spec.numa_topology)):
            fitted = hardware.numa_fit_instance_to_host(
                objects.NUMATopology(cells=list(cells)),
                spec.numa_topology.obj_clone(),
                None,
                limits=self.limits,
                pci_requests=spec.pci_requests.requests,
                pci_stats=self._tracked(),
            )
            nodes = [cell.id for cell in cells]
            if fitted is not None and [cell.id for cell in fitted.cells] == nodes:
                found.append(nodes)
        return found

    def _has(self, resources: Json) -> bool:
        """Placement's rule (placement/objects/allocation.py, ``_check_capacity_exceeded``).

        Dedicated CPUs are left out: for them Nova asks a second time, for any CPUs, and leaves
        the decision to its filter (nova/scheduler/manager.py).
        """
        for name, (total, reserved, ratio) in self.inventories.items():
            asked = resources.get(name, 0)
            if asked and (asked > total or self.used[name] + asked > (total - reserved) * ratio):
                return False
        return True

    def _passes(self, spec: "objects.RequestSpec") -> bool:
        """Whether the scheduler's two filters let the guest come here."""
        state = SimpleNamespace(
            host="host",
            nodename="host",
            numa_topology=self.topology,
            cpu_allocation_ratio=self.limits.cpu_allocation_ratio,
            ram_allocation_ratio=self.limits.ram_allocation_ratio,
            # As it comes from the database.
            pci_stats=stats.PciDeviceStats(
                self.topology,
                pci_device_pool.from_pci_stats(self._pools()),
                self.stats.dev_filter,
            ),
            allocation_candidates=[{"mappings": {}}],
            limits={},
        )
        return all(
            one.host_passes(state, spec)
            for one in (
                pci_passthrough_filter.PciPassthroughFilter(),
                numa_topology_filter.NUMATopologyFilter(),
            )
        )

    def _fit(
        self, topology: "objects.InstanceNUMATopology", wanted: list[Any]
    ) -> "objects.InstanceNUMATopology | None":
        return hardware.numa_fit_instance_to_host(
            self.topology,
            topology.obj_clone(),
            None,
            limits=self.limits,
            pci_requests=wanted,
            pci_stats=self._tracked(),
        )

    def _tracked(self) -> stats.PciDeviceStats:
        """The tracker's devices in its order."""
        tracked = stats.PciDeviceStats(self.topology, dev_filter=self.stats.dev_filter)
        tracked.pools = self._pools()
        return tracked

    def _pools(self) -> list[Json]:
        """Without the devices themselves, which only make Nova's copies slow."""
        return [
            {name: value for name, value in pool.items() if name != "devices"}
            for pool in self.stats.pools
        ]

    def _lacks(self, spec: "objects.RequestSpec") -> str:
        """Which of the two would be missing without the other."""
        numa = spec.numa_topology is not None and self._fit(spec.numa_topology, []) is None
        pci = not self._tracked().support_requests(spec.pci_requests.requests, None)
        if numa and pci:
            return "both"
        return "numa" if numa else "pci"

    def _node(self, cell: "objects.InstanceNUMACell") -> Json:
        (home,) = (one for one in self.topology.cells if one.id == cell.id)
        return {
            "node": cell.id,
            "pins": {str(vcpu): cpu for vcpu, cpu in (cell.cpu_pinning or {}).items()},
            "floating": sorted(home.cpuset) if cell.cpuset else [],
            "memory_mib": cell.memory,
            "page_size_kib": cell.pagesize,
        }


def _status(error: "exception.NovaException") -> int:
    """What the API answers (nova/api/openstack/compute/servers.py and ../wsgi.py)."""
    if isinstance(error, servers.INVALID_FLAVOR_IMAGE_EXCEPTIONS):
        return 400
    return 403 if isinstance(error, exception.Forbidden) else 500


def _resources(spec: "objects.RequestSpec") -> Json:
    """What Placement is asked for."""
    return {
        name: amount
        for name, amount in utils.ResourceRequest.from_request_spec(spec).merged_resources().items()
        if name != "DISK_GB"
    }


def _told(host: Host, request: Json) -> Json:
    """A host's answer, also where an object of Nova's lacks a field that is asked for."""
    try:
        return host.answer(request)
    except NotImplementedError as error:
        return {"broken": str(error)}


def main() -> None:
    """Answer until there are no more questions."""
    logging.disable(logging.CRITICAL)
    CONF([], project="nova", default_config_files=[])
    neutron_options.register_dynamic_opts(CONF)
    objects.register_all()
    for line in sys.stdin:
        asked: Json = json.loads(line)
        if "aliases" in asked:
            CONF.set_override("alias", asked["aliases"], "pci")
            answers: Any = {}
        else:
            with repairs.made(asked["repairs"]):
                host = Host(asked)
                if asked["ways"]:
                    answers = host.ways(asked["requests"][0])
                else:
                    answers = [_told(host, request) for request in asked["requests"]]
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
