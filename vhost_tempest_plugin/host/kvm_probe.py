# SPDX-License-Identifier: Apache-2.0
"""A guest so small that it only proves that an accelerator runs guests."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import CommandError
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util import process, speed
from vhost_tempest_plugin.util.die_with_parent import asked_to_end

# The guest takes milliseconds; QEMU may have to be read from a disk first.
_LIMIT_S = 15.0

# Assembled from tests/functional/probe_guest.S, 264 bytes: from the reset vector through
# protected mode and page tables to long mode, a million turns of a loop, and a breakpoint
# whose handler writes 42 to QEMU's isa-debug-exit port.  Less does not do: a machine was seen
# whose KVM ran real and protected mode and then hung in long mode.
GUEST = bytes.fromhex(
    """
    fa2e660f0116f8000f20c00c010f22c066ea1800ffff0800b8100000008e
    d88ec08ed0bc0080000031c0bf00100000b900100000fcf3abc705001000
    0007200000c7050020000007300000c7051820000007400000c705003000
    0087000000c705f84f00008700e0ffb8001000000f22d80f20e083c8200f
    22e0b9800000c00f320d000100000f300f20c00d000000800f22c0ea9a00
    ffff1800b8d000ffffbf3050000066890766c74702180066c74704008ec1
    e81066894706bbfe00ffff0f011bb940420f00ffc975fcccb001eb02b02a
    e6f4f4ebfd900000000000000000ffff0000009bcf00ffff00000093cf00
    ffff0000009baf001f00d800ffff3f000050000000000000
    """
)
_EXIT_PORT = 0xF4
_ROM_BYTES = 0x10000
_RESET_VECTOR = 0xFFF0
_JUMP_TO_START = bytes([0xE9, 0x0D, 0x00])
# QEMU, hw/misc/debugexit.c: the exit status is (value << 1) | 1.
SUCCESS = 42 << 1 | 1


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """How the guest fared.

    :param detail: what went wrong, empty where it worked
    :param is_final: whether a repetition would give the same; not where time ran out
    """

    works: bool
    detail: str = ""
    is_final: bool = True

    @classmethod
    def ended(cls, status: int, stderr: str) -> "ProbeOutcome":
        """QEMU ended with *status*."""
        if status == SUCCESS:
            return cls(True)
        said = _first_line(stderr) or "it ended too early"
        return cls(False, f"{said}; QEMU's exit status {status}")

    @classmethod
    def unfinished(cls, limit_s: float, stderr: str) -> "ProbeOutcome":
        """QEMU was ended after *limit_s*."""
        said = f" ({line})" if (line := _first_line(stderr)) else ""
        return cls(False, f"it did not end within {limit_s:g} s{said}", is_final=False)


def limit_s() -> float:
    """How long the guest may take, on this machine or in a host."""
    return _LIMIT_S * speed.timeout_scale()


def run(qemu: Path, accelerator: Accelerator, limit_s: float) -> ProbeOutcome:
    """Run the guest on *accelerator* for at most *limit_s* seconds."""
    with tempfile.TemporaryDirectory(prefix="vhost-probe-") as directory:
        firmware = Path(directory) / "guest.rom"
        firmware.write_bytes(rom())
        try:
            done = process.run(
                asked_to_end([*argv(qemu, accelerator), "-bios", firmware]),
                timeout_s=limit_s,
                check=False,
            )
        except CommandError as error:
            return ProbeOutcome.unfinished(limit_s, error.stderr)
    return ProbeOutcome.ended(done.returncode, done.stderr)


def argv(qemu: str | Path, accelerator: Accelerator) -> list[str]:
    """How QEMU runs the guest, but for ``-bios`` and a file with ``rom``; it exits with SUCCESS."""
    cpu = "host" if accelerator is Accelerator.KVM else "qemu64"
    words = f"-accel {accelerator} -cpu {cpu} -machine q35 -m 16 -nodefaults -no-user-config"
    words += f" -display none -no-reboot -device isa-debug-exit,iobase={_EXIT_PORT:#x},iosize=1"
    return [str(qemu), *words.split()]


def rom() -> bytes:
    """The guest as a firmware image."""
    image = bytearray(_ROM_BYTES)
    image[: len(GUEST)] = GUEST
    image[_RESET_VECTOR : _RESET_VECTOR + len(_JUMP_TO_START)] = _JUMP_TO_START
    return bytes(image)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
