# SPDX-License-Identifier: Apache-2.0
"""The disk of servers that report nothing: its boot sector halts the CPU.

A server that boots a kernel keeps a CPU of its host busy for half a minute under emulation, and
with it the next server and nova-compute.  This one uses none, and still switches itself off when
its power button is pressed, as Nova has it done for a soft reboot or a stop.
"""

_SECTOR_BYTES = 512
# SeaBIOS does not read from a disk of less than a cylinder (16 heads of 63 sectors).
_DISK_BYTES = 1024 * 1024
# Registers of power management are where SeaBIOS has put them (src/fw/dev-q35.h, dev-piix.h):
# status 0x600, enable 0x602, control 0x604 (ACPI specification, 4.8.3).  The button's interrupt
# is number 9 of two 8259s, for which a BIOS has vector 0x71.
_CODE = bytes.fromhex(
    "fa"  # cli
    "31c0"  # xor ax, ax
    "8ed8"  # mov ds, ax
    "c706c401207c"  # mov word [0x71 * 4], the address of what follows the jmp
    "a3c601"  # mov [0x71 * 4 + 2], ax
    "ba0206"  # mov dx, 0x602
    "b401"  # mov ah, 1: the power button
    "ef"  # out dx, ax
    "b0fb"  # mov al, all but the other 8259
    "e621"  # out 0x21, al
    "b0fd"  # mov al, all but number 9
    "e6a1"  # out 0xa1, al
    "fb"  # sti
    "f4"  # hlt
    "ebfc"  # jmp to the sti: an NMI wakes it
    "ba0406"  # mov dx, 0x604
    "b80020"  # mov ax, sleep in the state that QEMU's tables call S5
    "ef"  # out dx, ax
    "f4"  # hlt
    "ebfd"  # jmp to the hlt
)
# Where its CPU waits for the button, behind the hlt.
HALTED_AT = 30
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
