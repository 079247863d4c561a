# SPDX-License-Identifier: Apache-2.0
"""What the kernel log says about the IOMMU."""

import re
from dataclasses import dataclass

from vhost_tempest_plugin.topology.iommu_model import IommuModel

_TIME = re.compile(r"\[\s*(\d+\.\d+)\] ")


@dataclass(frozen=True, slots=True)
class KernelLog:
    """The log's first line, then those that contain the log word of an IOMMU model."""

    lines: tuple[str, ...]

    def active(self, model: IommuModel) -> str | None:
        """The message that such an IOMMU translates."""
        return self._find(model.active)

    def requested(self, model: IommuModel) -> str | None:
        """The message that the command line asks for such an IOMMU; it may still be inactive."""
        return self._find(model.requested)

    def remapping(self, model: IommuModel) -> str | None:
        """The message that such an IOMMU remaps interrupts."""
        return self._find(model.remapping)

    def last(self, model: IommuModel) -> str | None:
        """The last message about such an IOMMU."""
        lines = [self._message(line) for line in self.lines if model.log_word in line]
        return lines[-1] if lines else None

    @property
    def complete(self) -> bool:
        """Whether the log still begins with the boot."""
        match = _TIME.match(self.lines[0]) if self.lines else None
        return match is not None and float(match[1]) == 0.0

    @staticmethod
    def _message(line: str) -> str:
        return _TIME.sub("", line, count=1)

    def _find(self, begin: str | None) -> str | None:
        if begin is None:
            return None
        messages = map(self._message, self.lines)
        return next((message for message in messages if message.startswith(begin)), None)
