# SPDX-License-Identifier: Apache-2.0
"""The nested guest's only program, as the initrd that its kernel runs."""

import shutil
from pathlib import Path

from vhost_tempest_plugin.errors import CommandError, LocalError
from vhost_tempest_plugin.util import cache, process
from vhost_tempest_plugin.util.cpio import Entry, archive
from vhost_tempest_plugin.util.progress import Progress, silent

KIND = "guest-program"
_SOURCE = Path(__file__).with_name("init.c")
_FLAGS = (
    *("-Os", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fno-pie"),
    *("-no-pie", "-fno-asynchronous-unwind-tables", "-fcf-protection=none"),
    *("-Wl,--build-id=none", "-s"),
)


def build(progress: Progress = silent, *, anew: bool = False) -> Path:
    """The directory with ``initrd``, made where it is not in the cache.

    :param anew: make it even where it is
    :raises LocalError: the machine lacks a compiler; nothing half made is left
    """
    return cache.obtain(KIND, _digest(), _make, progress, anew=anew)


def current() -> str:
    """The name of what ``build`` has or would make."""
    return cache.current(KIND, _digest())


def _digest() -> str:
    return cache.digest(_SOURCE.read_text(encoding="utf-8"), " ".join(_FLAGS))


def _make(directory: Path) -> None:
    work = directory / "work"
    work.mkdir()
    program = work / "init"
    try:
        process.run([process.which("gcc"), *_FLAGS, "-o", program, _SOURCE])
    except CommandError as error:
        raise LocalError(
            f"the nested guest's program could not be made: {error.fact}", hint=error.hint
        ) from error
    entries = [Entry(name) for name in ("dev", "proc", "sys")]
    (directory / "initrd").write_bytes(
        archive([*entries, Entry("init", program.read_bytes(), 0o755)])
    )
    shutil.rmtree(work)
