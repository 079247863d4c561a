# SPDX-License-Identifier: Apache-2.0
"""The nested guest: a kernel with next to nothing in it, and one small program.

Each is kept by itself, since the kernel takes minutes to compile.
"""

from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.host.nested_guest import kernel, program
from vhost_tempest_plugin.util import cache
from vhost_tempest_plugin.util.progress import Progress, silent

# For the guest's kernel; "quiet" because each character on its console is dear.
PARAMETERS = ("console=ttyS0", "quiet", "panic=-1")


@dataclass(frozen=True, slots=True)
class GuestImage:
    """Files of the cache; nobody writes to them.

    :param kernel: an ELF file, which QEMU boots through PVH
    :param bzimage: the same kernel for firmware that boots no ELF file
    :param initrd: an uncompressed cpio archive
    """

    kernel: Path
    bzimage: Path
    initrd: Path
    digest: str


def build(
    progress: Progress = silent, sources: Path = kernel.SOURCES, *, anew: bool = False
) -> GuestImage:
    """The nested guest, compiled where it is not in the cache; that takes minutes.

    :param anew: compile it even where it is
    :raises LocalError: the machine lacks something; nothing half made is left
    """
    started = program.build(progress, anew=anew)
    booted = kernel.build(progress, sources, anew=anew)
    return GuestImage(
        booted / "kernel",
        booted / "bzimage",
        started / "initrd",
        cache.digest(booted.name, started.name),
    )
