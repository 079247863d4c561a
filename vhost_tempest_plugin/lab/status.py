# SPDX-License-Identifier: Apache-2.0
"""How the labs are."""

import time
from dataclasses import dataclass

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Settings
from vhost_tempest_plugin.errors import HostError, InputError, VhostError
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.lab.hosts.compute_hosts import ComputeHosts, settings_of
from vhost_tempest_plugin.lab.hosts.nova_compute import NovaCompute
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabPhase, LabRecord


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab as it was recorded; *record* is None where that is damaged."""

    directory: LabDirectory
    record: LabRecord | None

    @property
    def phase(self) -> str:
        """What really is: a lab whose supervisor is gone is down, whatever was recorded."""
        if self.record is None:
            return "damaged"
        phase = self.record.phase
        if phase is LabPhase.READY and not Supervision(self.directory.path).is_running():
            phase = LabPhase.DOWN
        return phase


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


def overview() -> list[Lab]:
    """All labs of this user by name."""
    return [_lab(directory) for directory in LabDirectory.all()]


def find(name: str) -> tuple[LabDirectory, LabRecord]:
    """A lab's directory and record.

    :raises InputError: there is no such lab
    :raises HostError: its record is damaged
    """
    directory = LabDirectory.of(name).existing()
    return directory, directory.read()


def settings(name: str) -> Settings:
    """The settings of a lab.

    :raises InputError: there is no such lab
    """
    return settings_of(*find(name))


def running(name: str) -> tuple[LabDirectory, LabRecord]:
    """As ``find``, of a lab that is up.

    :raises InputError: there is no such lab, or it is not up
    """
    directory, record = find(name)
    if record.phase is not LabPhase.READY or not Supervision(directory.path).is_running():
        raise InputError(f"lab {name!r} is not up; 'vhost lab up --name {name}' brings it up")
    return directory, record


def parts(name: str) -> list[Part]:
    """How everything of a lab is.

    :raises InputError: there is no such lab
    """
    directory, record = find(name)
    found = [*_programs(directory)]
    for host in record.hosts:
        runs = ComputeHosts.is_running(host)
        found.append(Part("host", host, "running" if runs else "off"))
        found.append(Part(Service.NOVA_COMPUTE, host, _compute_state(settings(name), host, runs)))
    return found


def host(settings: Settings, name: str | None) -> ComputeHost:
    """The host *name* of a lab, by default the first.

    :raises InputError: it has no such host
    """
    known = {host.name: host for host in settings.hosts}
    if name is not None and name not in known:
        raise InputError(f"the lab has no host {name!r}; it has {', '.join(known)}")
    return known[name] if name else settings.hosts[0]


def is_host_running(name: str) -> bool:
    """Whether a host runs."""
    return ComputeHosts.is_running(name)


def _lab(directory: LabDirectory) -> Lab:
    try:
        return Lab(directory, directory.read())
    except VhostError:
        return Lab(directory, None)


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
        with status.connected(host) as (_, machine):
            return NovaCompute(settings, machine).state()
    except (HostError, InputError):
        return "unknown"
