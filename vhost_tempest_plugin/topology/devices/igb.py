# SPDX-License-Identifier: Apache-2.0
"""Intel's 82576, a PCI Express NIC with SR-IOV.

QEMU: hw/net/igb_common.h, IGB_MAX_VF_FUNCTIONS, IGB_VF_OFFSET and IGB_VF_STRIDE.
"""

from vhost_tempest_plugin.topology.device_model import ETHERNET, DeviceModel, Sriov
from vhost_tempest_plugin.topology.pci import PciId

MODEL = DeviceModel(
    name="igb",
    id=PciId(0x8086, 0x10C9),
    class_code=ETHERNET,
    driver="igb",
    kernel_options=("CONFIG_IGB", "CONFIG_IGBVF"),
    qemu_floor=(8, 0),
    libvirt_floor=(9, 3),
    sriov=Sriov(id=PciId(0x8086, 0x10CA), driver="igbvf", total_vfs=7, offset=0x80, stride=2),
)
