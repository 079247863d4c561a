# SPDX-License-Identifier: Apache-2.0
"""What a host's serial console shows about its boot."""

from enum import StrEnum

_LAST_LINES = 15


class Stage(StrEnum):
    """How far a boot has come."""

    FIRMWARE = "firmware"
    KERNEL = "kernel"
    USERSPACE = "userspace"
    SSH = "ssh"


# What stands on the console once a stage has begun: the kernel's first line
# (init/version.c), the initramfs's handing over and systemd's first lines.
_MARKS = (
    (Stage.USERSPACE, ("systemd[1]:", "Welcome to ", "vhost-init: switching root")),
    (Stage.KERNEL, ("Linux version ", "Command line: ", "vhost-init: ")),
)

# A part of the console's text, what it means, what to do.
_CAUSES = (
    (
        "out of I/O address space",
        "the firmware has no I/O ports left for so many NICs; use fewer NICs",
    ),
    (
        "No working init found",
        "the kernel found no init; rebuild the image: vhost image build --rebuild",
    ),
    (
        "Unable to mount root fs",
        "the root file system did not mount; rebuild the image: vhost image build --rebuild",
    ),
    ("Out of memory", "the host ran out of memory; give its nodes more memory_mib"),
    ("No space left on device", "the host's disk is full; free some space in it"),
    ("Kernel panic", "the kernel panicked; the lines above say where"),
    ("soft lockup", "the machine is too busy to emulate the CPUs in time; stop other work"),
    ("You are in emergency mode", "systemd went into emergency mode; a mount failed"),
)


def stage(text: str) -> Stage:
    """How far the boot has come that wrote *text*."""
    for reached, marks in _MARKS:
        if any(mark in text for mark in marks):
            return reached
    return Stage.FIRMWARE


def last_lines(text: str, count: int = _LAST_LINES) -> tuple[str, ...]:
    """The last *count* lines that hold something."""
    lines = [line.strip("\r") for line in text.splitlines()]
    return tuple(line for line in lines if line.strip())[-count:]


def likely_cause(text: str) -> str | None:
    """Why the boot that wrote *text* failed, and what to do; None if nothing shows it."""
    for mark, cause in _CAUSES:
        if mark in text:
            return cause
    return None
