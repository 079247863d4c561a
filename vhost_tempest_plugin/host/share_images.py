# SPDX-License-Identifier: Apache-2.0
"""The disks that carry shares into a host.

A source that is an image is attached as it is.  Of a directory an image is made at each
boot that finds it changed; the file system's UUID is a digest of what was in it.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self
from uuid import UUID

from vhost_tempest_plugin.errors import CommandError, InputError, LocalError, VhostCommand
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.image import ext4
from vhost_tempest_plugin.host.image.ext4 import Superblock
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.host.share import Share, ShareDisk
from vhost_tempest_plugin.util import atomic_file, process
from vhost_tempest_plugin.util.progress import Progress

_BLOCK_BYTES = 4096
# For the file system itself, and for its inodes (256 bytes) and directory entries.
_OVERHEAD_MIB = 16
_ENTRY_BYTES = 1024
_SPARE_INODES = 64
# mke2fs takes the same number for each group of blocks, and rounds down to a multiple of eight;
# below 512 MiB its groups have 8 MiB (mke2fs.conf(5), "small").
_INODES_LOST_A_MIB = 1


def require(shares: Sequence[Share], directory: HostDirectory) -> None:
    """Check that the sources can be shared with the host of *directory*.

    :raises InputError: one is missing, is nothing to share, or has the host's files in it
    """
    for share in shares:
        source = share.source
        if source.is_file():
            if share.path == PurePosixPath(source):
                raise InputError(
                    f"{str(source)!r} is a file",
                    hint=f"say where the host is to have what is in it: --share {source}:PATH",
                )
            _superblock(source)
        elif not (source.is_dir() and os.access(source, os.R_OK | os.X_OK)):
            raise InputError(
                f"there is no {str(source)!r} to share, or it cannot be read",
                hint="give a directory, or a file with an ext4 file system",
            )
        elif directory.path.resolve().is_relative_to(source.resolve()):
            raise InputError(
                f"the host's own files ({directory.path}) are in {str(source)!r}",
                hint="share a directory without them, or set XDG_STATE_HOME",
            )


def disks(shares: Sequence[Share], directory: HostDirectory) -> tuple[ShareDisk, ...]:
    """The disks that a host would have; none is made."""
    return tuple(
        ShareDisk(_image(share, number, directory), "") for number, share in enumerate(shares, 1)
    )


def attach(
    shares: Sequence[Share], directory: HostDirectory, progress: Progress
) -> tuple[ShareDisk, ...]:
    """The disks for a host that is about to boot, made where they are not there yet.

    :raises InputError: a source is gone, or cannot be read
    :raises LocalError: the machine lacks something
    """
    attached = []
    for number, share in enumerate(shares, 1):
        image = _image(share, number, directory)
        if image != share.source:
            _bring_up_to_date(image, share.source, progress)
        attached.append(ShareDisk(image, _superblock(image).identity))
    return tuple(attached)


def require_unchanged(record: HostRecord) -> None:
    """Check that a saved host finds its disks as it had them.

    :raises InputError: one is gone or has changed
    """
    for share, disk in zip(record.shares, record.share_disks, strict=True):
        if _superblock(disk.image).identity != disk.identity:
            cold = VhostCommand("up", name=record.name, cold=True)
            raise InputError(
                f"{str(disk.image)!r} has changed since host {record.name!r} was saved with it at "
                f"{share.path}",
                hint=f"put it back, or {cold} boots the host afresh",
            )


def _image(share: Share, number: int, directory: HostDirectory) -> Path:
    return directory.path / f"share-{number}.ext4" if share.source.is_dir() else share.source


def _superblock(image: Path) -> Superblock:
    try:
        return Superblock.read(image)
    except FileNotFoundError:
        raise InputError(
            f"{str(image)!r}, which the host is to share, is gone", hint="put it back"
        ) from None
    except OSError as error:
        raise InputError(f"{str(image)!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(
            f"{error}", hint="give a directory, or a raw image made with 'mkfs.ext4 -d'"
        ) from None


@dataclass(frozen=True, slots=True)
class _Contents:
    """What is in a directory, without looking into files.

    :param digest: of paths, kinds, modes, owners, sizes, times of change and links
    :param entries: the number of all that is in it
    :param content_bytes: the room that they take in whole blocks
    """

    digest: UUID
    entries: int
    content_bytes: int

    @classmethod
    def of(cls, directory: Path) -> Self:
        """Look at *directory*.

        :raises OSError: it cannot be read
        """
        state = hashlib.sha256()
        entries = content_bytes = 0
        for name, entry in _walk(directory, ""):
            facts = entry.stat(follow_symlinks=False)
            link = str(Path(entry).readlink()) if entry.is_symlink() else ""
            # What a directory itself says is in its entries.
            grown = (0, 0) if stat.S_ISDIR(facts.st_mode) else (facts.st_size, facts.st_mtime_ns)
            known = (name, facts.st_mode, facts.st_uid, facts.st_gid, *grown, link)
            state.update(repr(known).encode())
            entries += 1
            content_bytes += max(1, -(-facts.st_size // _BLOCK_BYTES)) * _BLOCK_BYTES
        return cls(UUID(bytes=state.digest()[:16], version=4), entries, content_bytes)

    @property
    def disk_mib(self) -> int:
        """The size of a file system for it."""
        return (self.content_bytes + self.entries * _ENTRY_BYTES >> 20) * 9 // 8 + _OVERHEAD_MIB

    @property
    def inodes(self) -> int:
        """How many to ask for; what is written meanwhile, as by Python, finds room too."""
        grown = self.entries * 9 // 8
        return grown + self.disk_mib * _INODES_LOST_A_MIB + _SPARE_INODES


def _walk(directory: Path | str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All that is in *directory*, by name; links are not followed."""
    with os.scandir(directory) as scan:
        found = sorted(scan, key=lambda entry: entry.name)
    for entry in found:
        yield prefix + entry.name, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{prefix}{entry.name}/")


def _bring_up_to_date(image: Path, directory: Path, progress: Progress) -> None:
    """Make the file system *image* of what is in *directory*, unless it is that already."""
    try:
        contents = _Contents.of(directory)
    except OSError as error:
        raise InputError(
            f"{error.filename!r}, which the host is to share, cannot be read: {error.strerror}"
        ) from None
    if _holds(image, contents):
        return
    needed_mib = contents.disk_mib
    progress(f"making a disk of {directory}: {contents.entries} files, {needed_mib} MiB")
    free_mib = shutil.disk_usage(image.parent).free >> 20
    if free_mib < needed_mib:
        raise LocalError(
            f"{image.parent} has {free_mib} MiB free, a disk of {str(directory)!r} may take "
            f"{needed_mib} MiB",
            hint="free some space or set XDG_STATE_HOME",
        )
    try:
        with atomic_file.replacing(image, durable=True) as partial:
            process.run(
                ext4.making_read_only(
                    directory, partial, needed_mib, inodes=contents.inodes, uuid=contents.digest
                )
            )
    except CommandError as error:
        raise LocalError(
            f"no disk can be made of {str(directory)!r}: {error.fact}", hint=error.hint
        ) from error


def _holds(image: Path, contents: _Contents) -> bool:
    """Whether a file system is whole and has these contents."""
    try:
        return Superblock.read(image).uuid == contents.digest
    except (OSError, ValueError):
        return False
