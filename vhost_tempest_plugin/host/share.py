# SPDX-License-Identifier: Apache-2.0
"""Read-only trees of the machine that an emulated host has.

A value that exists is well-formed by itself; ``validate`` checks several together.  What is
really at a source is the business of ``sharing``.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.errors import InputError

# They are the functions 1 to 7 of the slot of the host's own disk.
MOST = 7

# No spaces: the initramfs reads the paths from lines of words.
_PLACE = re.compile(r"(/[^/\s]+)+")

# The host's own: a share there would hide what the host needs, or be hidden by what is
# mounted there later.
_OWN = tuple(
    PurePosixPath(place)
    for place in (
        *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc"),
        *("/root/.ssh", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var/cache/libvirt"),  # noqa: S108
        *("/var/lib/dpkg", "/var/lib/libvirt", "/var/lib/systemd", "/var/lock", "/var/log"),
        *("/var/run", "/var/tmp"),  # noqa: S108
    )
)
_FREE = PurePosixPath("/usr/local")


@dataclass(frozen=True, slots=True)
class Share:
    """A tree of the machine and its place in the host.

    :param source: a directory, or a raw file with an ext4 file system
    :param path: where the host has it
    :raises InputError: they are not absolute, or the place is one of the host's own
    """

    source: Path
    path: PurePosixPath

    def __post_init__(self) -> None:
        if not self.source.is_absolute() or not str(self.source).isprintable():
            raise InputError(f"the source {str(self.source)!r} of a share is no absolute path")
        place = str(self.path)
        if not _PLACE.fullmatch(place) or ".." in self.path.parts or not place.isprintable():
            raise InputError(
                f"{place!r} is no place for a share",
                hint=(
                    "give an absolute path without spaces or '..', as in --share SOURCE:/opt/stack"
                ),
            )
        if _FREE in self.path.parents:
            return
        for own in _OWN:
            if self.path.is_relative_to(own) or own.is_relative_to(self.path):
                raise InputError(
                    f"the host has its own {str(own)!r}, so that {place!r} is no place for a share",
                    hint="give another, as in --share SOURCE:/opt/stack",
                )

    def __str__(self) -> str:
        return f"{self.source}:{self.path}"


@dataclass(frozen=True, slots=True)
class ShareDisk:
    """What a host has of a share: the image of a file system.

    :param identity: differs once another file system is in the file
    """

    image: Path
    identity: str


def parse(text: str) -> Share:
    """The share that ``SOURCE[:PATH]`` means.

    :raises InputError: it means none
    """
    source, colon, path = text.rpartition(":")
    return Share(Path(source if colon else path), PurePosixPath(path))


def validate(shares: Sequence[Share]) -> None:
    """Check that a host can have all of these.

    :raises InputError: they are too many, or in each other's way
    """
    if len(shares) > MOST:
        raise InputError(f"{len(shares)} shares are too many", hint=f"a host can have {MOST}")
    for one, other in itertools.combinations(shares, 2):
        if one.path.is_relative_to(other.path) or other.path.is_relative_to(one.path):
            raise InputError(
                f"the shares {str(one)!r} and {str(other)!r} are in each other's way",
                hint="give one of them another path",
            )
