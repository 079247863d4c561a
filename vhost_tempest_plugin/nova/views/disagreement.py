# SPDX-License-Identifier: Apache-2.0
"""Two who know of the same thing and do not say the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class View(StrEnum):
    """Who says something of an instance."""

    NOVA = "nova"
    API = "nova's API"
    LIBVIRT = "libvirt"
    SYSFS = "sysfs"
    PLACEMENT = "placement"
    GUEST = "the guest"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What each of them says.

    :param subject: of what: a device, an instance's node, an amount
    """

    subject: str
    said: Mapping[View, str]

    def __str__(self) -> str:
        return f"{self.subject}: {'; '.join(f'{view}: {word}' for view, word in self._words())}"

    def _words(self) -> tuple[tuple[View, str], ...]:
        return tuple((view, self.said[view]) for view in View if view in self.said)
