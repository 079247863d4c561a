# SPDX-License-Identifier: Apache-2.0
"""Intel's VT-d (QEMU: hw/i386/intel_iommu.c; Linux: drivers/iommu/intel).

Linux logs "DMAR: IOMMU enabled" as soon as the command line asks for it; the message with the
technology's name comes once the IOMMU translates.
"""

from vhost_tempest_plugin.topology.iommu_model import IommuModel

MODEL = IommuModel(
    name="intel",
    kernel_parameters=("intel_iommu=on",),
    acpi_table="DMAR",
    log_word="DMAR",
    active="DMAR: Intel(R) Virtualization Technology for Directed I/O",
    requested="DMAR: IOMMU enabled",
    remapping="DMAR-IR: Enabled IRQ remapping in ",
    # drivers/iommu/intel/dmar.c, dmar_fault_do_one
    fault=r"DMAR: .*fault",
    has_caching_mode=True,
    address_widths_bits=(39, 48),
)
