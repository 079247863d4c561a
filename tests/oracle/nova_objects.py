# SPDX-License-Identifier: Apache-2.0
"""Nova's objects, of plain words; for ``nova_answers.py``."""

from types import SimpleNamespace
from typing import Any

from nova import objects
from nova.objects import fields
from nova.pci import request as pci_request
from nova.virt import hardware
from nova.virt.libvirt import config as libvirt_config
from nova.virt.libvirt import driver

Json = dict[str, Any]

_UUID = "00000000-0000-4000-8000-000000000000"


def topology(capabilities: str) -> "objects.NUMATopology":
    """As the libvirt driver makes it."""
    caps = libvirt_config.LibvirtConfigCaps()
    caps.parse_str(capabilities)
    cpus = {cpu.id for cell in caps.host.topology.cells for cpu in cell.cpus}
    computer = SimpleNamespace(
        _has_numa_support=lambda: True,
        _host=SimpleNamespace(get_capabilities=lambda: caps, get_online_cpus=lambda: cpus),
        _reserved_hugepages={},
    )
    real = driver.LibvirtDriver
    computer._get_vcpu_available = lambda: real._get_vcpu_available(computer)
    computer._get_pcpu_available = lambda: real._get_pcpu_available(computer)
    return real._get_host_numa_topology(computer)


def burden(cell: "objects.NUMACell", words: Json | None) -> None:
    """Take *words*, as ``load`` gives them, of a free cell."""
    if words is None:
        return
    cell.pinned_cpus = set(words["pinned"])
    cell.cpu_usage = words["floating"]
    cell.memory_usage = words["memory_mib"]
    for pages in cell.mempages:
        pages.used = words["pages"].get(str(pages.size_kb), 0)


def load(cell: "objects.NUMACell") -> Json:
    """What is taken of a cell."""
    return {
        "pinned": sorted(cell.pinned_cpus),
        "floating": cell.cpu_usage,
        "memory_mib": cell.memory_usage,
        "pages": {str(pages.size_kb): pages.used for pages in cell.mempages if pages.used},
    }


def device(words: Json) -> "objects.PciDevice":
    """A free one."""
    made = objects.PciDevice(
        **words, compute_node_id=1, status=fields.PciDeviceStatus.AVAILABLE, extra_info={}
    )
    made.child_devices = []
    made.parent_device = None
    return made


def spec(request: Json) -> "objects.RequestSpec":
    """As the API makes it, in its order (nova/compute/api.py)."""
    flavor = objects.Flavor(
        name="flavor",
        flavorid="flavor",
        vcpus=request["vcpus"],
        memory_mb=request["memory_mib"],
        root_gb=1,
        ephemeral_gb=0,
        swap=0,
        extra_specs=request["extra_specs"],
    )
    image = objects.ImageMeta.from_dict({"properties": request["image"]})
    topology = hardware.numa_get_constraints(flavor, image)
    pci_request.get_pci_requests_from_flavor(flavor)
    policy = hardware.get_pci_numa_policy_constraint(flavor, image)
    return objects.RequestSpec(
        flavor=flavor,
        image=image,
        numa_topology=topology,
        pci_requests=pci_request.get_pci_requests_from_flavor(flavor, affinity_policy=policy),
        instance_uuid=_UUID,
        requested_resources=[],
        request_level_params=objects.RequestLevelParams(),
        is_bfv=False,
    )
