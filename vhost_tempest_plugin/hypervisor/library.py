# SPDX-License-Identifier: Apache-2.0
"""The libvirt library: loaded when needed, quiet, its event loop running."""

import functools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from vhost_tempest_plugin.errors import HostError, LocalError, VhostCommand
from vhost_tempest_plugin.util import disk

# Any, because libvirt-python has no type information.
Library = Any
Handle = Any

_LOG_VARIABLE = "LIBVIRT_LOG_OUTPUTS"
_WARNINGS = 3


def load(log: Path) -> Library:
    """The module, with its event loop running; what it logs goes to the file *log*.

    libvirt reads where to log once, while it is imported, so the first *log* counts for
    the life of the process.

    :param log: by a name without blanks, at which libvirt divides its option
    :raises LocalError: it is not installed, or *log* cannot be written
    """
    quiet = "libvirt" not in sys.modules and _LOG_VARIABLE not in os.environ
    if quiet:
        # The module does not load where it cannot write there, and does not say why.
        try:
            os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise LocalError(
                f"cannot write {log}: {error.strerror}", hint=disk.write_hint(error)
            ) from None
        os.environ[_LOG_VARIABLE] = f"{_WARNINGS}:file:{log}"
    try:
        import libvirt
    except ImportError as error:
        raise LocalError(
            f"libvirt's Python binding cannot be loaded ({error})",
            hint=f"run {VhostCommand('doctor')}",
        ) from None
    finally:
        if quiet:
            del os.environ[_LOG_VARIABLE]
    _start_events(libvirt)
    return libvirt


@functools.cache
def _start_events(libvirt: Library) -> threading.Thread:
    """Run libvirt's events for the life of the process; must precede every connection."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    libvirt.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    thread = threading.Thread(target=run, name="libvirt-events", daemon=True)
    thread.start()
    return thread


@contextmanager
def host_errors(
    libvirt: Library, action: str, hint: str, carrier_log: TextIO | None = None
) -> Iterator[None]:
    """Turn libvirt's error into a HostError: what could not be done, why, what to do.

    :param action: an infinitive, as in ``save 'article'``
    :param carrier_log: what a program that carries libvirt's protocol says of its own failures
    """
    try:
        yield
    except libvirt.libvirtError as error:
        log = ""
        if carrier_log is not None:
            carrier_log.seek(0)
            log = carrier_log.read()
        said = " ".join(f"{error} {log}".split())
        raise HostError(f"cannot {action}: {said}", hint=hint_of(said, hint)) from None


def hint_of(said: str, hint: str) -> str:
    """What to do about what libvirt or QEMU says; *hint* where the disk is not full."""
    return "free space on that disk and repeat" if disk.is_full(said) else hint
