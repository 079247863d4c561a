# SPDX-License-Identifier: Apache-2.0
"""Whose a host is: the user's, a lab's or a devstack's; and what the hosts of those are called.

As long as there is a lab or a devstack NAME, the names NAME-0, NAME-1 ... are its own, whether
its hosts are there or not.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vhost_tempest_plugin.errors import VhostCommand
from vhost_tempest_plugin.util import name, paths

# Of a lab or a devstack: what one machine can have.
MOST_HOSTS = 8
# A name of a lab or a devstack leaves room for the number of a host.
LONGEST_CHARS = name.LONGEST_CHARS - len(f"-{MOST_HOSTS - 1}")


class OwnerKind(StrEnum):
    """What a host can belong to."""

    USER = "user"
    LAB = "lab"
    DEVSTACK = "devstack"


# Where what is known of those is, below the state directory.
_PLACES = {OwnerKind.LAB: "labs", OwnerKind.DEVSTACK: "stacks"}


@dataclass(frozen=True, slots=True)
class HostOwner:
    """Who made a host, and alone may change or remove it.

    :param name: the lab's or the devstack's; empty for the user
    """

    kind: OwnerKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()

    @classmethod
    def parse(cls, text: str) -> "HostOwner":
        """Read what ``str`` gives.

        :raises ValueError: for anything else
        """
        kind, _, owner_name = text.partition(" ")
        return cls(OwnerKind(kind), owner_name)

    @property
    def words(self) -> str:
        """What messages call it."""
        return "you" if self.kind is OwnerKind.USER else f"{self.kind} {self.name!r}"

    @property
    def directory(self) -> Path | None:
        """Where the lab's or the devstack's files are; the user has no such place."""
        place = _PLACES.get(self.kind)
        return None if place is None else paths.state() / place / self.name

    def host_names(self, count: int) -> tuple[str, ...]:
        """What its hosts are called."""
        return tuple(f"{self.name}-{index}" for index in range(count))

    def removal(self, host: str) -> VhostCommand:
        """The command that removes *host*, and all else of its owner."""
        match self.kind:
            case OwnerKind.LAB:
                return VhostCommand("lab", "destroy", name=self.name)
            case OwnerKind.DEVSTACK:
                return VhostCommand("stack", "destroy", name=self.name)
            case OwnerKind.USER:
                return VhostCommand("destroy", host)


USER = HostOwner(OwnerKind.USER)


def lab(owner_name: str) -> HostOwner:
    """The lab of this name, as an owner."""
    return HostOwner(OwnerKind.LAB, owner_name)


def devstack(owner_name: str) -> HostOwner:
    """The devstack of this name, as an owner."""
    return HostOwner(OwnerKind.DEVSTACK, owner_name)


def claimants(host: str) -> tuple[HostOwner, ...]:
    """The labs and devstacks that there are whose hosts are called like *host*; one at the most.

    They count whatever is known of them, also where their record is damaged.
    """
    stem, _, number = host.rpartition("-")
    if not stem or not number.isdecimal():
        return ()
    possible = (lab(stem), devstack(stem))
    return tuple(each for each in possible if each.directory and each.directory.is_dir())
