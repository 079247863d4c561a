# SPDX-License-Identifier: Apache-2.0
"""How a host's CPUs are run."""

from enum import StrEnum


class Accelerator(StrEnum):
    """The hardware's virtualization, or emulation in software (QEMU's TCG)."""

    KVM = "kvm"
    TCG = "tcg"

    @property
    def domain_type(self) -> str:
        """The type attribute of libvirt's domain element."""
        return "kvm" if self is Accelerator.KVM else "qemu"
