# SPDX-License-Identifier: Apache-2.0
"""The command that holds a lab while another one wants to remove it."""

import contextlib
import os
import signal

from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.util.progress import Progress


def end(directory: LabDirectory, progress: Progress) -> None:
    """Ask the command that holds *directory*, if one does, to end; it ends what it has begun."""
    pid = directory.holder()
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            # Looked at again: a pidfd keeps the number from being reused only from now on.
            if directory.holder() == pid:
                progress(f"ending pid {pid}, which holds lab {directory.name!r}")
                signal.pidfd_send_signal(process, signal.SIGTERM)
        finally:
            os.close(process)
