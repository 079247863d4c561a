# SPDX-License-Identifier: Apache-2.0
"""The unit of systemd that runs nova-compute in a host."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.cloud.compute.unit_file import command, daemon, unit_file, variable
from vhost_tempest_plugin.cloud.configuration.in_host import PRELOAD, PRELOAD_SOCKET, preloaded
from vhost_tempest_plugin.util import interpreter

LOG = PurePosixPath("/var/log/nova-compute.log")

# Where the image has libvirt's binding, of its own libvirt's version, and nothing else.
BINDING = PurePosixPath("/usr/lib/python3/dist-packages")
# A digest of all that the service depends on: of what is installed, and, copied at its start,
# of what it runs with.
INSTALLED = PurePosixPath("/opt/vhost/nova-compute.digest")
STARTED = PurePosixPath("/run/nova-compute.digest")

# What imports for it, where that is.
PRELOADER = "vhost-preload.service"

# Written to the log before each start, and once it has reported itself.
BEGIN = "nova-compute starts"
REPORTED = "nova-compute has reported"

_ROTATE = f"find {LOG} -size +16M | grep -q . && mv -f {LOG} {LOG}.old"


@dataclass(frozen=True, slots=True)
class Unit:
    """How nova-compute is run.

    :param name: the unit's, as systemd has it
    :param program: ``nova-compute`` of an environment that the host shares
    :param paths: where Python looks before that environment
    :param configuration: its file
    :param preloaded: modules that another unit imports once for all runs (``compute.preload``);
        where there are none, each run imports for itself
    :param awaited: a command of a shell that ends when it may start
    """

    name: str
    program: Path
    configuration: PurePosixPath
    paths: tuple[PurePosixPath, ...] = ()
    preloaded: tuple[str, ...] = ()
    awaited: str = "true"

    @property
    def file(self) -> PurePosixPath:
        """Where the host has it."""
        return PurePosixPath("/etc/systemd/system") / self.name

    def text(self) -> str:
        """The unit file."""
        loader = (PRELOADER,) if self.preloaded else ()
        before = preloaded(self.program.parent) if self.preloaded else ()
        words = (*before, str(self.program), "--config-file", str(self.configuration))
        first = f"{self.awaited}; {_ROTATE}; echo {BEGIN} >>{LOG}; cp {INSTALLED} {STARTED}"
        service = {
            "Environment": self._environment,
            "ExecStartPre": f"/bin/sh -c '{first}'",
            "ExecStart": command(*words),
            "StateDirectory": "nova nova/instances",
            "KillMode": "mixed",
            # Since Nova 34 its threads take this long to end, after it has ended all its work.
            "TimeoutStopSec": "6",
        }
        wants = ("libvirtd.service", *loader)
        return daemon("OpenStack Nova compute", LOG, service, wants, "vhost-devices.service")

    def loader_text(self) -> str:
        """The unit file of what imports; it ends where that fails, and Nova says why itself."""
        words = interpreter.of(
            self.program.parent.parent, PRELOAD, "serve", PRELOAD_SOCKET, *self.preloaded
        )
        return unit_file(
            {"Description": "What OpenStack Nova compute imports"},
            {
                "Type": "notify",
                "Environment": self._environment,
                "ExecStart": command(*words),
                "TimeoutStartSec": "infinity",
            },
        )

    @property
    def _environment(self) -> str:
        return variable("PYTHONPATH", ":".join(map(str, (*self.paths, BINDING))))
