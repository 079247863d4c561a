# SPDX-License-Identifier: Apache-2.0
"""How the labs are."""

import time
from dataclasses import dataclass

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.errors import HostError, InputError, VhostError
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.lab.hosts.nova_compute import NovaCompute
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabPhase, LabRecord


@dataclass(frozen=True, slots=True)
class LabStatus:
    """A lab as it is now; *record* is None where that is damaged."""

    directory: LabDirectory
    record: LabRecord | None

    @property
    def phase(self) -> str:
        """What really is: a lab whose supervisor is gone is down, whatever was recorded."""
        if self.record is None:
            return "damaged"
        if self.record.phase is LabPhase.READY and not Lab(self.directory, self.record).is_up:
            return LabPhase.DOWN
        return self.record.phase


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a lab that runs, or should.

    :param place: the machine, or the host in which it runs
    :param state: as its supervisor says, or systemd in a host
    :param up_s: for how long, None where that is not known
    :param restarts: how often it has been started again by itself
    """

    name: str
    place: str
    state: str
    pid: int | None = None
    up_s: int | None = None
    restarts: int | None = None

    @property
    def is_well(self) -> bool:
        """Whether it runs."""
        return self.state in ("running", "active")


def overview() -> list[LabStatus]:
    """All labs of this user by name."""
    return [_lab(directory) for directory in LabDirectory.all()]


def parts(name: str) -> list[Part]:
    """How everything of a lab is.

    :raises InputError: there is no such lab
    """
    lab = Lab.find(name)
    found = [*_programs(lab.directory)]
    for host in lab.record.hosts:
        runs = status.is_running(host)
        found.append(Part("host", host, "running" if runs else "off"))
        found.append(Part(Service.NOVA_COMPUTE, host, _compute_state(lab.settings, host, runs)))
    return found


def _lab(directory: LabDirectory) -> LabStatus:
    try:
        return LabStatus(directory, directory.read())
    except VhostError:
        return LabStatus(directory, None)


def _programs(directory: LabDirectory) -> list[Part]:
    supervision = Supervision(directory.path)
    if not supervision.is_running():
        return [Part("supervisor", "machine", "off")]
    now_s = int(time.time())
    return [
        Part(
            name=state.name,
            place="machine",
            state=state.phase,
            pid=state.pid,
            up_s=None if state.pid is None or state.since_s is None else now_s - state.since_s,
            restarts=state.restarts,
        )
        for state in supervision.states()
    ]


def _compute_state(settings: Settings, host: str, runs: bool) -> str:
    if not runs:
        return "unknown"
    try:
        with status.connected(host) as (_, connection):
            return NovaCompute(settings, connection).state()
    except (HostError, InputError):
        return "unknown"
