# SPDX-License-Identifier: Apache-2.0
"""The disk of guests that have nothing to tell: its boot sector halts the CPU.

A guest that boots a kernel keeps a CPU of its host busy for half a minute under emulation, and
with it the next guest and nova-compute.
"""

_SECTOR_BYTES = 512
# SeaBIOS does not read from a disk of less than a cylinder (16 heads of 63 sectors).
_DISK_BYTES = 1024 * 1024
_CODE = bytes.fromhex(
    "fa"  # cli
    "f4"  # hlt
    "ebfd"  # jmp to the hlt: an NMI wakes it
)
_TABLE_AT = 446
# One partition of one sector, of type Linux: Nova and glance refuse a boot sector without any
# (oslo_utils.imageutils.format_inspector, GPTInspector.check_mbr_partitions).
_PARTITION = bytes.fromhex("80000200830002000100000001000000")
_SIGNATURE = bytes.fromhex("55aa")


def content() -> bytes:
    """A raw disk: its boot sector, a partition of one sector, and nothing."""
    table = _CODE.ljust(_TABLE_AT, b"\0") + _PARTITION
    sector = table.ljust(_SECTOR_BYTES - len(_SIGNATURE), b"\0") + _SIGNATURE
    return sector.ljust(_DISK_BYTES, b"\0")
