# SPDX-License-Identifier: Apache-2.0
"""A host with a load and what is asked of it, as a question to Nova."""

from dataclasses import dataclass, field
from typing import Any

from tests.oracle.capabilities import capabilities
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import InstanceNode, Limits, Observation, Rejection
from vhost_tempest_plugin.nova.load import Load, NodeLoad
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """Requests to a host, each as the ones before have left it.

    :param first: devices that come first in Nova's list, otherwise ascending by address
    """

    layout: Layout
    requests: tuple[Request, ...]
    load: Load = field(default_factory=Load)
    limits: Limits = field(default_factory=Limits)
    first: frozenset[PciAddress] = frozenset()

    def question(self, repairs: tuple[str, ...] = (), *, ways: bool = False) -> Json:
        """As ``nova_answers.py`` takes it."""
        sets = pci_devices.cpu_sets(self.layout)
        return {
            "capabilities": capabilities(self.layout),
            "shared": cpuset.format(sets.shared),
            "dedicated": cpuset.format(sets.dedicated),
            "load": {str(node): _load(load) for node, load in self.load.nodes.items()},
            "vcpus": self.load.vcpus,
            "memory_mib": self.load.memory_mib,
            "devices": _devices(self.layout, self.first),
            "taken": sorted(map(str, self.load.devices)),
            "device_spec": pci_devices.device_spec(self.layout),
            "pack": self.limits.pack,
            "cpu_ratio": self.limits.cpu_ratio,
            "ram_ratio": self.limits.ram_ratio,
            "reserved_mib": self.limits.reserved_mib,
            "requests": [
                {
                    "vcpus": request.vcpus,
                    "memory_mib": request.memory_mib,
                    "extra_specs": request.extra_specs(),
                    "image": request.image_properties(),
                }
                for request in self.requests
            ],
            "repairs": repairs,
            "ways": ways,
        }


def seen(answer: Json) -> Observation | Rejection:
    """What Nova decided, as if it had been seen in a running cloud."""
    if "exception" in answer:
        return Rejection(answer["http_status"], answer["exception"])
    if "lacks" in answer:
        return Rejection(None, answer["lacks"])
    nodes = tuple(
        InstanceNode(
            node=node["node"],
            pins={int(vcpu): cpu for vcpu, cpu in node["pins"].items()},
            floating=frozenset(node["floating"]),
            memory_mib=node["memory_mib"],
            page_size_kib=node["page_size_kib"],
        )
        for node in answer["nodes"]
    )
    devices = frozenset(PciAddress.parse(text) for text in answer["devices"])
    # What emulators run on is decided later, by the driver, but for a CPU of their own.
    return Observation(nodes, devices, frozenset(answer["reserved"]) or None)


def loads(answer: Json) -> dict[int, NodeLoad]:
    """What Nova then takes for taken."""
    return {
        int(node): NodeLoad(
            frozenset(load["pinned"]),
            load["floating"],
            load["memory_mib"],
            tuple(sorted((int(size), used) for size, used in load["pages"].items())),
        )
        for node, load in answer["load"].items()
    }


def _load(load: NodeLoad) -> Json:
    return {
        "pinned": sorted(load.pinned),
        "floating": load.floating_vcpus,
        "memory_mib": load.memory_mib,
        "pages": {str(size): used for size, used in load.pages},
    }


def _devices(layout: Layout, first: frozenset[PciAddress]) -> list[Json]:
    """All that the driver finds; which of them guests can have is for device_spec to say."""
    found = []
    for nic in sorted(layout.hardware().endpoints, key=lambda nic: nic.address not in first):
        vendor, product = str(nic.id).split(":")
        if nic.physical_function is not None:
            dev_type = "type-VF"
        else:
            dev_type = "type-PF" if nic.total_vfs else "type-PCI"
        found.append(
            {
                "address": str(nic.address),
                "parent_addr": nic.physical_function and str(nic.physical_function),
                "vendor_id": vendor,
                "product_id": product,
                "numa_node": nic.node,
                "dev_type": dev_type,
            }
        )
    return found
