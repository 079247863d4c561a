# SPDX-License-Identifier: Apache-2.0
"""The distribution of this machine, as os-release(5) names it."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Distribution:
    """A release of a distribution.

    :param id: ``debian``; empty where it has none
    :param codename: its apt suite, ``bookworm``; empty where it has none
    :param like: the distributions that it derives from
    """

    id: str = ""
    codename: str = ""
    like: frozenset[str] = frozenset()

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Distribution":
        """From the fields of an os-release file."""
        return cls(
            id=fields.get("ID", ""),
            codename=fields.get("VERSION_CODENAME", ""),
            like=frozenset(fields.get("ID_LIKE", "").split()),
        )

    @property
    def families(self) -> frozenset[str]:
        """It, and those that it derives from."""
        return self.like | {self.id}


def here() -> Distribution:
    """The one that runs here; without an os-release file, one without a name."""
    try:
        return Distribution.of(platform.freedesktop_os_release())
    except OSError:
        return Distribution()
