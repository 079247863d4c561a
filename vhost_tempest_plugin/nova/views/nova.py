# SPDX-License-Identifier: Apache-2.0
"""What Nova's database has of a host and its instances, as values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vhost_tempest_plugin.nova.expect import InstanceNode, Observation
from vhost_tempest_plugin.nova.pci_devices import DeviceType, PciDeviceRow
from vhost_tempest_plugin.topology.pci import PciAddress

AVAILABLE = "available"
ALLOCATED = "allocated"


@dataclass(frozen=True, order=True, slots=True)
class TrackedDevice:
    """A row of the table ``pci_devices``.

    :param status: ``available``, ``claimed``, ``allocated``, ``unavailable``, ...
        (nova/objects/fields.py, ``PciDeviceStatus``)
    :param instance: the uuid of the instance that has it, empty for none
    """

    row: PciDeviceRow
    status: str
    instance: str = ""

    @classmethod
    def read(cls, columns: Mapping[str, Any]) -> "TrackedDevice":
        """From the columns of the table."""
        return cls(
            PciDeviceRow(
                address=PciAddress.parse(columns["address"]),
                vendor_id=columns["vendor_id"],
                product_id=columns["product_id"],
                numa_node=columns["numa_node"],
                dev_type=DeviceType(columns["dev_type"]),
            ),
            columns["status"],
            columns["instance_uuid"] or "",
        )


@dataclass(frozen=True, slots=True)
class NovaView:
    """What is recorded of one compute node.

    :param compute_node: its uuid, which is that of its root provider in Placement
    :param devices: ascending
    :param instances: where each of its instances is, by uuid: of the nodes only what Nova decides,
        without the CPUs that floating ones share
    :param asked: what flavor (``hw:...``) and image (``hw_...``) of each of them say, by uuid
    :param compute_version: that of the host's nova-compute, which grows with each release
        (nova/objects/service.py, ``SERVICE_VERSION``); 0 where it has never started
    """

    compute_node: str
    devices: tuple[TrackedDevice, ...]
    instances: Mapping[str, Observation]
    asked: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    compute_version: int = 0

    def of(self, instance: str) -> tuple[TrackedDevice, ...]:
        """The devices that are allocated to an instance."""
        return tuple(device for device in self.devices if device.instance == instance)


def numa_topology(text: str | None) -> Observation:
    """The column ``instance_extra.numa_topology``; one without nodes where it is empty.

    nova/objects/instance_numa.py: an ``InstanceNUMATopology`` as JSON; ``id`` of a cell is the
    host's node.  The devices are not in it.
    """
    if not text:
        return Observation()
    cells = [cell["nova_object.data"] for cell in json.loads(text)["nova_object.data"]["cells"]]
    reserved = frozenset(cpu for cell in cells for cpu in cell.get("cpuset_reserved") or ())
    return Observation(
        nodes=tuple(
            InstanceNode(
                node=cell["id"],
                pins={int(vcpu): cpu for vcpu, cpu in (cell["cpu_pinning_raw"] or {}).items()},
                memory_mib=cell["memory"],
                page_size_kib=cell["pagesize"],
            )
            for cell in cells
        ),
        emulator=reserved or None,
    )


def extra_specs(text: str | None) -> Mapping[str, str]:
    """Those of the flavor that a server has now, of the column ``instance_extra.flavor``.

    nova/objects/instance.py, ``_save_flavor``: the current, old and new ``Flavor`` as JSON.
    """
    if not text:
        return {}
    found: Mapping[str, str] = json.loads(text)["cur"]["nova_object.data"].get("extra_specs") or {}
    return found


def server_topology(answer: Mapping[str, Any]) -> Observation:
    """What ``GET /servers/{id}/topology`` answers to an administrator.

    References: https://docs.openstack.org/api-ref/compute/#show-server-topology
    """
    return Observation(
        nodes=tuple(
            InstanceNode(
                node=node["host_node"],
                pins={int(vcpu): cpu for vcpu, cpu in (node["cpu_pinning"] or {}).items()},
                memory_mib=node["memory_mb"],
                page_size_kib=answer["pagesize_kb"],
            )
            for node in answer["nodes"]
        )
    )
