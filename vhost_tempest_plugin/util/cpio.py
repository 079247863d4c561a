# SPDX-License-Identifier: Apache-2.0
"""Initramfs archives: cpio in the "newc" form.

The format is the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
Archives may be put one after another; later files replace earlier ones.
"""

import stat
from collections.abc import Iterable
from dataclasses import dataclass

_ALIGNMENT = 4
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or, without content, a directory; owned by root.

    :param path: relative, without a leading slash
    :param permissions: the low bits of the mode
    """

    path: str
    content: bytes | None = None
    permissions: int = 0o755


def archive(entries: Iterable[Entry]) -> bytes:
    """The bytes of an archive with *entries*, the directories above them added.

    Equal entries give equal bytes: there are no times or owners in it.
    """
    listed = list(entries)
    known = {entry.path for entry in listed}
    parents: dict[str, Entry] = {}
    for entry in listed:
        parts = entry.path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if path not in known:
                parents[path] = Entry(path)
    members = [*parents.values(), *listed]
    data = b"".join(_member(entry, inode) for inode, entry in enumerate(members, 1))
    return data + _record(_TRAILER, 0, 0, b"")


def _member(entry: Entry, inode: int) -> bytes:
    kind = stat.S_IFDIR if entry.content is None else stat.S_IFREG
    return _record(entry.path, inode, kind | entry.permissions, entry.content or b"")


def _record(path: str, inode: int, mode: int, content: bytes) -> bytes:
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    # ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    fields = (inode, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _ALIGNMENT)
