# SPDX-License-Identifier: Apache-2.0
"""Something broken that the scenarios must notice."""

from collections.abc import Callable
from dataclasses import dataclass

from vhost_tempest_plugin.cloud.deployment.requirement import HardwareRequirement
from vhost_tempest_plugin.mutation.edit import Edit
from vhost_tempest_plugin.topology.layout import Device, Layout

EVERY_TEST = r"^vhost_tempest_plugin\."
_BUG = "https://bugs.launchpad.net/nova/+bug/{}"


@dataclass(frozen=True, slots=True)
class NovaMutant:
    """A Nova with a fault.

    :param breaks: what it does wrong, in a few words
    :param tests: a regular expression of those that can notice
    :param bug: the number of the upstream bug that it brings back
    :param requires: hardware without which it is no other Nova
    """

    name: str
    breaks: str
    edits: tuple[Edit, ...]
    tests: str = EVERY_TEST
    bug: int | None = None
    requires: tuple[HardwareRequirement, ...] = ()

    def __post_init__(self) -> None:
        if not self.edits:
            raise ValueError(f"mutant {self.name!r} changes nothing")

    @property
    def reference(self) -> str:
        """The report of its bug; empty if there is none."""
        return "" if self.bug is None else _BUG.format(self.bug)


@dataclass(frozen=True, slots=True)
class HostMutant:
    """A host that differs in one way from the topology that the tests get.

    :param hardware: it boots with that
    :param script: that is run in it as root; the next boot undoes it
    :param companion: this NIC gets another device into its slot; the next boot undoes it
    """

    name: str
    breaks: str
    hardware: Callable[[Layout], Layout] | None = None
    script: Callable[[Layout], str] | None = None
    companion: Callable[[Layout], Device] | None = None
    tests: str = EVERY_TEST

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.hardware, self.script, self.companion)) != 1:
            raise ValueError(f"mutant {self.name!r} is made in one way")

    @property
    def reference(self) -> str:
        """Empty: it is nobody's bug."""
        return ""


Mutant = NovaMutant | HostMutant
