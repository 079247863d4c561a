# SPDX-License-Identifier: Apache-2.0
"""ext4 file systems in files: made from a directory without a mount, and identified.

The kernel's Documentation/filesystems/ext4/super.rst has the layout.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

from vhost_tempest_plugin.util import cache, process

_OFFSET = _SIZE = 1024
_MAGIC = 0xEF53
# s_blocks_count_lo and s_log_block_size, of blocks of 64 KiB at most.
_BLOCKS = "<4xI16xI"
_SIZE_LOG_MAX = 6
_MAGIC_AT = 0x38
_UUID_AT = 0x68

# Checksums would be computed in the host, where under emulation they cost the most.
_COMMON = ("-q", "-F", "-m", "0")
_WRITABLE = ("-J", "size=16", "-O", "^metadata_csum")
_READ_ONLY = ("-O", "^metadata_csum,^has_journal,^resize_inode")
_LAZY = ("-E", "lazy_itable_init=1,lazy_journal_init=1")


@dataclass(frozen=True, slots=True)
class Superblock:
    """What identifies a file system.

    :param uuid: as ``making_read_only`` gave it
    :param identity: a digest; it changes whenever the file system is made anew or written to
    """

    uuid: UUID
    identity: str

    @classmethod
    def read(cls, disk: Path) -> Self:
        """The superblock in the file *disk*.

        :raises ValueError: it has none
        :raises OSError: the file cannot be read
        """
        with disk.open("rb") as file:
            file.seek(_OFFSET)
            block = file.read(_SIZE)
        if len(block) < _SIZE or struct.unpack_from("<H", block, _MAGIC_AT) != (_MAGIC,):
            raise ValueError(f"there is no ext4 file system in {str(disk)!r}")
        blocks, size_log = struct.unpack_from(_BLOCKS, block)
        if size_log > _SIZE_LOG_MAX or disk.stat().st_size < blocks << (10 + size_log):
            raise ValueError(f"{str(disk)!r} is shorter than its file system")
        identity = cache.digest(block, str(disk.stat().st_size))
        return cls(UUID(bytes=block[_UUID_AT : _UUID_AT + 16]), identity)


def making(tree: Path, disk: Path, size_mib: int) -> list[str | Path]:
    """The command that makes the file system *disk* with what is in *tree*."""
    return _making(tree, disk, size_mib, _WRITABLE)


def making_read_only(
    tree: Path, disk: Path, size_mib: int, *, inodes: int, uuid: UUID
) -> list[str | Path]:
    """The command that makes one that nobody will write to.

    :param inodes: how many it has: one for each file, directory and link
    """
    return _making(tree, disk, size_mib, (*_READ_ONLY, "-N", str(inodes), "-U", str(uuid)))


def _making(tree: Path, disk: Path, size_mib: int, options: Sequence[str]) -> list[str | Path]:
    program = process.which("mkfs.ext4")
    return [program, *_COMMON, *options, *_LAZY, "-d", tree, disk, f"{size_mib}M"]
