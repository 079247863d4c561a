# SPDX-License-Identifier: Apache-2.0
"""The libvirt library: loaded when needed, quiet, its event loop running."""

import errno
import functools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from vhost_tempest_plugin.errors import HostError, LocalError, VhostCommand

# Any, because libvirt-python has no type information.
Library = Any
Handle = Any

_LOG_VARIABLE = "LIBVIRT_LOG_OUTPUTS"
_WARNINGS = 3


def load(log: Path) -> Library:
    """The module, with its event loop running; what it logs goes to the file *log*.

    libvirt reads where to log once, while it is imported, so the first *log* counts for
    the life of the process.

    :raises LocalError: it is not installed
    """
    quiet = "libvirt" not in sys.modules and _LOG_VARIABLE not in os.environ
    if quiet:
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
        if os.strerror(errno.ENOSPC) in said:
            hint = "free space on that disk and repeat"
        raise HostError(f"cannot {action}: {said}", hint=hint) from None
