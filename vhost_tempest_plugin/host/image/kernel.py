# SPDX-License-Identifier: Apache-2.0
"""Takes the kernel apart: the ELF file out of a bzImage, modules with what they need.

The ELF file boots through PVH with nothing to decompress, which under emulation saves
seconds (Linux, Documentation/arch/x86/boot.rst: payload_offset, payload_length).
"""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.util import process

_BOOT_MAGIC = b"HdrS"
_ELF_MAGIC = b"\x7fELF"
_SECTOR = 512
_SIZE_BYTES = 4


class _Unpacker(Protocol):
    """What the standard library's unpackers have in common."""

    def decompress(self, data: bytes, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...


_UNPACKERS: tuple[tuple[bytes, Callable[[], _Unpacker]], ...] = (
    (b"\x1f\x8b", lambda: zlib.decompressobj(wbits=31)),
    (b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\x5d\0\0", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE)),
)
_PROGRAMS = {b"\x28\xb5\x2f\xfd": "zstd", b"\x02\x21\x4c\x18": "lz4"}


def extract(bzimage: bytes, work: Path) -> bytes:
    """The ELF kernel in *bzimage*.

    :param work: a directory for temporary files
    :raises LocalError: there is none, or it is compressed in a way not known here
    """
    if bzimage[0x202:0x206] != _BOOT_MAGIC:
        raise LocalError("the image's kernel is not a bzImage", hint="report the distribution")
    setup_sectors = bzimage[0x1F1] or 4
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    start = (setup_sectors + 1) * _SECTOR + offset
    kernel = decompress(bzimage[start : start + length], work)
    if not kernel.startswith(_ELF_MAGIC):
        raise LocalError("the image's kernel is not an ELF file", hint="report the distribution")
    return kernel


def decompress(data: bytes, work: Path) -> bytes:
    """*data* unpacked, whatever the kernel's build packed it with; as it is if with nothing.

    :raises LocalError: the packing is damaged
    """
    if (program := _PROGRAMS.get(data[:4])) is not None:
        return _by_program(program, data, work)
    unpacker = next((make() for magic, make in _UNPACKERS if data.startswith(magic)), None)
    if unpacker is None:
        return data
    try:
        content = unpacker.decompress(data)
    except (lzma.LZMAError, zlib.error, OSError) as error:
        raise LocalError(f"cannot unpack a part of the kernel: {error}") from error
    if not unpacker.eof:
        raise LocalError("cannot unpack a part of the kernel: it is cut off")
    return content


def _by_program(program: str, data: bytes, work: Path) -> bytes:
    """Unpack with a program, which stumbles over the size that a kernel has behind it."""
    packed = work / "packed"
    unpacked = work / "unpacked"
    output: list[str | Path] = ["-o", unpacked] if program == "zstd" else [unpacked]
    argv = [process.which(program), "-d", "-q", "-f", packed, *output]
    try:
        for content in (data, data[:-_SIZE_BYTES]):
            packed.write_bytes(content)
            done = process.run(argv, check=False)
            if done.returncode == 0:
                return unpacked.read_bytes()
    finally:
        packed.unlink(missing_ok=True)
        unpacked.unlink(missing_ok=True)
    raise LocalError(f"{program!r} cannot unpack a part of the kernel: {done.stderr.strip()}")


def modules(directory: Path, wanted: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of the *wanted* modules and all they depend on, in the order to load them.

    A module that the kernel has built in has no file.

    :param directory: ``lib/modules/<release>``, where depmod has run
    """
    needs: dict[str, list[str]] = {}
    for line in (directory / "modules.dep").read_text(encoding="utf-8").splitlines():
        path, _, dependencies = line.partition(":")
        needs[path] = dependencies.split()
    by_name = {_name(path): path for path in needs}
    order: dict[str, None] = {}
    for name in wanted:
        if name in by_name:
            order.update(dict.fromkeys([*reversed(needs[by_name[name]]), by_name[name]]))
    return tuple(directory / path for path in order)


def _name(path: str) -> str:
    return Path(path).name.split(".ko")[0].replace("-", "_")
