# SPDX-License-Identifier: Apache-2.0
"""The command that holds a lab while another one wants to remove it."""

from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.util import processes
from vhost_tempest_plugin.util.progress import Progress


def end(directory: LabDirectory, progress: Progress) -> None:
    """Ask the command that holds *directory*, if one does, to end; it ends what it has begun."""
    for pid in processes.terminate(directory.holders):
        progress(f"ending pid {pid}, which holds lab {directory.name!r}")
