# SPDX-License-Identifier: Apache-2.0
"""Intel's 82540EM, a conventional PCI NIC without MSI (QEMU: hw/net/e1000.c).

It is behind a PCI Express root port all the same, like every device of a topology: QEMU and
libvirt take it there, Linux isolates it there (pci_acs_path_enabled), and the conventional slot of
a bridge would not do, because all that is behind such a bridge is one IOMMU group.
"""

from vhost_tempest_plugin.topology.device_model import ETHERNET, DeviceModel
from vhost_tempest_plugin.topology.pci import PciId

MODEL = DeviceModel(
    name="e1000",
    id=PciId(0x8086, 0x100E),
    class_code=ETHERNET,
    driver="e1000",
    kernel_options=("CONFIG_E1000",),
    qemu_floor=(0, 10),
    libvirt_floor=(0, 5),
)
