# SPDX-License-Identifier: Apache-2.0
"""PCI addresses and ids."""

import re
from dataclasses import dataclass
from typing import Self

_ADDRESS = re.compile(
    r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])\Z", re.ASCII | re.IGNORECASE
)
_ID = re.compile(r"(?:0x)?([0-9a-f]{4}):(?:0x)?([0-9a-f]{4})\Z", re.ASCII | re.IGNORECASE)

SLOTS_PER_BUS = 32
FUNCTIONS_PER_SLOT = 8
LAST_BUS = 255


@dataclass(frozen=True, order=True, slots=True)
class PciAddress:
    """Where a function is on the PCI buses, written ``dddd:bb:ss.f`` in hexadecimal."""

    bus: int
    slot: int
    function: int = 0
    domain: int = 0

    def __post_init__(self) -> None:
        if not (
            0 <= self.domain <= 0xFFFFFFFF
            and 0 <= self.bus <= LAST_BUS
            and 0 <= self.slot < SLOTS_PER_BUS
            and 0 <= self.function < FUNCTIONS_PER_SLOT
        ):
            raise ValueError(f"there is no PCI address {self}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``0000:b5:00.0`` or, without its domain, ``b5:00.0``.

        :raises ValueError: for anything else
        """
        match = _ADDRESS.match(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a PCI address such as '0000:b5:00.0'")
        return cls(
            domain=int(match[1] or "0", 16),
            bus=int(match[2], 16),
            slot=int(match[3], 16),
            function=int(match[4]),
        )

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:x}"

    def offset(self, routing_ids: int) -> "PciAddress":
        """The address *routing_ids* behind this one (PCIe 6.0, 9.2.1.2: VF routing ids)."""
        number = (self.bus << 8 | self.slot << 3 | self.function) + routing_ids
        return PciAddress(number >> 8, number >> 3 & 0x1F, number & 7, self.domain)


@dataclass(frozen=True, order=True, slots=True)
class PciId:
    """Vendor and product id of a function, written ``8086:10d3``."""

    vendor: int
    product: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``8086:10d3`` or ``0x8086:0x10d3``.

        :raises ValueError: for anything else
        """
        match = _ID.match(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a PCI id such as '8086:10d3'")
        return cls(int(match[1], 16), int(match[2], 16))

    def __str__(self) -> str:
        return f"{self.vendor:04x}:{self.product:04x}"
