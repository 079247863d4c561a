# SPDX-License-Identifier: Apache-2.0
"""Intel's 82574L, a PCI Express NIC (QEMU: hw/net/e1000e.c)."""

from vhost_tempest_plugin.topology.device_model import ETHERNET, DeviceModel
from vhost_tempest_plugin.topology.pci import PciId

MODEL = DeviceModel(
    name="e1000e",
    id=PciId(0x8086, 0x10D3),
    class_code=ETHERNET,
    driver="e1000e",
    kernel_options=("CONFIG_E1000E",),
    qemu_floor=(2, 7),
    libvirt_floor=(2, 3),
)
