# SPDX-License-Identifier: Apache-2.0
"""The unit of systemd that runs nova-compute in a host."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LOG = PurePosixPath("/var/log/nova-compute.log")

# Where the image has libvirt's binding, of its own libvirt's version, and nothing else.
BINDING = PurePosixPath("/usr/lib/python3/dist-packages")
# A digest of all that the service depends on: of what is installed, and, copied at its start,
# of what it runs with.
INSTALLED = PurePosixPath("/opt/vhost/nova-compute.digest")
STARTED = PurePosixPath("/run/nova-compute.digest")

# Written to the log before each start, and once it has reported itself.
BEGIN = "nova-compute starts"
REPORTED = "nova-compute has reported"


@dataclass(frozen=True, slots=True)
class Unit:
    """How nova-compute is run.

    :param name: the unit's, as systemd has it
    :param program: ``nova-compute`` of an environment that the host shares
    :param paths: where Python looks before that environment
    :param configuration: its file
    """

    name: str
    program: Path
    configuration: PurePosixPath
    paths: tuple[PurePosixPath, ...] = ()

    @property
    def file(self) -> PurePosixPath:
        """Where the host has it."""
        return PurePosixPath("/etc/systemd/system") / self.name

    def text(self) -> str:
        """The unit file."""
        lines = [
            "[Unit]",
            "Description=OpenStack Nova compute",
            "Wants=libvirtd.service",
            "After=libvirtd.service vhost-devices.service",
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            f"Environment=PYTHONPATH={':'.join(map(str, (*self.paths, BINDING)))}",
            f"ExecStartPre=/bin/sh -c 'echo {BEGIN} >>{LOG}; cp {INSTALLED} {STARTED}'",
            f"ExecStart={self.program} --config-file {self.configuration}",
            f"StandardOutput=append:{LOG}",
            f"StandardError=append:{LOG}",
            "StateDirectory=nova nova/instances",
            "KillMode=mixed",
            "TimeoutStopSec=10",
            "Restart=always",
            "RestartSec=2",
            "",
            "[Install]",
            "WantedBy=multi-user.target",
        ]
        return "\n".join(lines) + "\n"
