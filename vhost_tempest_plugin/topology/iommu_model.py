# SPDX-License-Identifier: Apache-2.0
"""What an IOMMU model is; the models themselves are in ``iommus/``, one module each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class IommuModel:
    """An IOMMU that QEMU emulates.

    :param name: in topology files, and libvirt's
    :param kernel_parameters: what makes Linux use it, each as ``name=value``
    :param acpi_table: by which the firmware describes it (/sys/firmware/acpi/tables)
    :param log_word: what all that Linux logs of it has in common
    :param active: how the message begins that it translates
    :param requested: the message that the command line asks for it, which says no more; None if
        Linux logs none
    :param remapping: how the message begins that it remaps interrupts; None if it cannot
    :param fault: a regular expression of the messages about accesses that it refused
    :param has_caching_mode: whether it can have QEMU's caching mode
    :param address_widths_bits: those that it can be given, ascending; none if it has its own
    """

    name: str
    kernel_parameters: tuple[str, ...]
    acpi_table: str
    log_word: str
    active: str
    requested: str | None
    remapping: str | None
    fault: str
    has_caching_mode: bool
    address_widths_bits: tuple[int, ...]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<IOMMU model {self.name}>"
