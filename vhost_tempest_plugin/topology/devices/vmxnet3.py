# SPDX-License-Identifier: Apache-2.0
"""VMware's third paravirtual NIC, with MSI-X (QEMU: hw/net/vmxnet3.c)."""

from vhost_tempest_plugin.topology.device_model import ETHERNET, DeviceModel
from vhost_tempest_plugin.topology.pci import PciId

MODEL = DeviceModel(
    name="vmxnet3",
    id=PciId(0x15AD, 0x07B0),
    class_code=ETHERNET,
    driver="vmxnet3",
    kernel_options=("CONFIG_VMXNET3",),
    qemu_floor=(1, 5),
    libvirt_floor=(0, 9),
)
