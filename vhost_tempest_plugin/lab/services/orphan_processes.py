# SPDX-License-Identifier: Apache-2.0
"""The processes of a lab, found without its supervisor by a mark in their environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from vhost_tempest_plugin.util import processes
from vhost_tempest_plugin.util.processes import Process

MARK = "VHOST_LAB"


def marks(directory: Path) -> Mapping[str, str]:
    """What every process of the lab in *directory* has in its environment.

    SPT_NOENV keeps setproctitle, which some services use, from writing their title over it.
    """
    return {MARK: os.path.realpath(directory), "SPT_NOENV": "1"}


def find(directory: Path) -> list[int]:
    """All processes of the lab in *directory*, those of other users only for root."""
    return sorted(process.pid for process in _marked(directory))


def end(directory: Path, grace_s: float) -> list[int]:
    """End all of them: ask, wait *grace_s*, kill; returns those that there were.

    :raises VhostError: one does not end
    """
    return processes.end(lambda: _marked(directory), grace_s)


def _marked(directory: Path) -> list[Process]:
    return processes.bearing(MARK, os.path.realpath(directory))
