# SPDX-License-Identifier: Apache-2.0
"""What the kernel log says about the IOMMU.

Linux, drivers/iommu/intel: "DMAR: IOMMU enabled" only says that the command line asks for
it; the last line, with the technology's name, is printed once the IOMMU translates.
"""

import re
from dataclasses import dataclass

_ACTIVE = "DMAR: Intel(R) Virtualization Technology for Directed I/O"
_ASKED_FOR = "DMAR: IOMMU enabled"
_REMAPPING = "DMAR-IR: Enabled IRQ remapping in "
_TIME = re.compile(r"\[\s*(\d+\.\d+)\] ")


@dataclass(frozen=True, slots=True)
class KernelLog:
    """The log's first line, then those that speak of DMAR."""

    lines: tuple[str, ...]

    @property
    def active(self) -> str | None:
        """The message that the IOMMU translates."""
        return self._find(_ACTIVE)

    @property
    def asked_for(self) -> str | None:
        """The message that the command line asks for the IOMMU; it may still be inactive."""
        return self._find(_ASKED_FOR)

    @property
    def remapping(self) -> str | None:
        """The message that interrupts are remapped."""
        return self._find(_REMAPPING)

    @property
    def last(self) -> str | None:
        """The last line that speaks of DMAR."""
        lines = [self._message(line) for line in self.lines if "DMAR" in line]
        return lines[-1] if lines else None

    @property
    def complete(self) -> bool:
        """Whether the log still begins with the boot."""
        match = _TIME.match(self.lines[0]) if self.lines else None
        return match is not None and float(match[1]) == 0.0

    @staticmethod
    def _message(line: str) -> str:
        return _TIME.sub("", line, count=1)

    def _find(self, begin: str) -> str | None:
        messages = map(self._message, self.lines)
        return next((message for message in messages if message.startswith(begin)), None)
