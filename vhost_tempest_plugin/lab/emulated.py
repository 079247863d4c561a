# SPDX-License-Identifier: Apache-2.0
"""The emulated hosts of a lab, brought up and down by the ``vhost`` command.

A process can hold one embedded libvirt only, so each host has a command of its own.
"""

import re
import sys
from pathlib import Path

from vhost_tempest_plugin import errors, process
from vhost_tempest_plugin.configuration.settings import ComputeHost
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.progress import Progress
from vhost_tempest_plugin.state import HostDirectory

_STAMP = re.compile(r"\[ *[0-9.]+ s\] ")
_COMPLAINT = "vhost: "


def up(host: ComputeHost, topology: Path, shares: dict[Path, Path], progress: Progress) -> None:
    """Bring a host up, from whatever state it is in.

    :param shares: image files by the directory at which the host has them
    :raises VhostError: as ``vhost up`` does
    """
    words = [f"--share={image}:{path}" for path, image in shares.items()]
    accelerator = f"--accelerator={host.accelerator}"
    _vhost(progress, "up", str(topology), "--name", host.name, accelerator, *words)


def save(name: str, progress: Progress) -> None:
    """Save a running host and end it."""
    _vhost(progress, "save", name)


def restore(name: str, progress: Progress) -> None:
    """Bring a saved host back."""
    _vhost(progress, "restore", name)


def destroy(name: str, progress: Progress) -> None:
    """Remove everything of a host, if there is anything."""
    if HostDirectory.of(name).exists:
        _vhost(progress, "destroy", name)


def _vhost(progress: Progress, *words: str) -> None:
    """Run a command as a user does, passing on its news; it ends with this process.

    :raises VhostError: what the command failed with, as its exit code says
    """
    argv: list[str | Path] = [
        *(process.which("setpriv"), "--pdeathsig", "TERM"),
        *(sys.executable, "-m", "vhost_tempest_plugin.cli.main", *words),
    ]

    def pass_on(line: str) -> None:
        news, stamped = _STAMP.subn("", line, count=1)
        if stamped:
            progress(news)

    done = process.follow(argv, pass_on)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"'vhost {words[0]}' said nothing"]
        raise _error(done.returncode)(lines[-1].removeprefix(_COMPLAINT))


def _error(code: int) -> type[VhostError]:
    """The class whose exit code this is."""
    return next(
        (
            kind
            for kind in vars(errors).values()
            if isinstance(kind, type)
            and issubclass(kind, VhostError)
            and kind.exit_code == code
            and "__init__" not in vars(kind)
        ),
        VhostError,
    )
