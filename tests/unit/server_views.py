# SPDX-License-Identifier: Apache-2.0
"""A server with a NIC of which all views agree."""

from tests.unit import lab_settings
from vhost_tempest_plugin.host.nested_guest import GuestNode as NodeInGuest
from vhost_tempest_plugin.hypervisor.domain import AssignedDevice, DomainCell, GuestDomain
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import InstanceNode, Observation
from vhost_tempest_plugin.nova.views import Holding, HostDevice, Power, ServerViews, TrackedDevice

GUEST = "5a2f9a3e-3c0b-4e61-9b5e-0d8a6f8f2a11"
HOST = lab_settings.settings().hosts[0]
CPU_SETS = pci_devices.cpu_sets(HOST.layout)
DEDICATED, SHARED = CPU_SETS.dedicated, CPU_SETS.shared
ROW = next(row for row in pci_devices.expected_devices(HOST.layout) if row.numa_node == 1)
MIB = 128
# Of Nova 33.0 (2026.1).
COMPUTE_VERSION = 72
REPORT_NODES = (NodeInGuest(0, frozenset({0}), 120000),)


def cpus(node: int) -> frozenset[int]:
    """The floating CPUs of a node."""
    return next(n.cpus for n in HOST.layout.host.nodes if n.id == node) & SHARED


def domain(node: int = 1) -> GuestDomain:
    """libvirt's."""
    return GuestDomain(
        uuid=GUEST,
        name="instance-00000001",
        active=True,
        assigned=(AssignedDevice(ROW.address, managed=True),),
        cells=(DomainCell(frozenset({0}), MIB, frozenset({node}), None),),
        memory_mode="strict",
        vcpu_cpus={0: cpus(node)},
        emulator_cpus=cpus(node),
        locked=False,
        iothreads=1,
        iothread_cpus={1: cpus(node)},
    )


VIEWS = ServerViews(
    server=GUEST,
    host=HOST.name,
    power=Power.ON,
    domain=domain(),
    sysfs={ROW.address: HostDevice(ROW.address, 1, "vfio-pci", 7, frozenset({GUEST}))},
    nova=(TrackedDevice(ROW, "allocated", GUEST),),
    recorded=Observation((InstanceNode(1, memory_mib=MIB),)),
    api=Observation((InstanceNode(1, memory_mib=MIB),)),
    holdings=(Holding(GUEST, HOST.name, None, {"VCPU": 1, "MEMORY_MB": MIB}),),
    compute_version=COMPUTE_VERSION,
)
