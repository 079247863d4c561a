# SPDX-License-Identifier: Apache-2.0
"""How the hosts are, and the way into a running one.

libvirt is not asked, so that nothing here waits and any number of hosts can be looked at.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vhost_tempest_plugin.errors import HostError, InputError, VhostCommand
from vhost_tempest_plugin.host import console_log, readiness
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.record import HostRecord, Phase
from vhost_tempest_plugin.host.ssh import HostConnection, Ssh
from vhost_tempest_plugin.hypervisor import orphan_processes
from vhost_tempest_plugin.topology import yaml_file
from vhost_tempest_plugin.topology.layout import Layout


@dataclass(frozen=True, slots=True)
class HostStatus:
    """A host as it is now.

    :param record: None where it is damaged
    :param phase: what really is: a host whose QEMU is gone is off, and one that was being
        started by a command that is gone has failed; None where the record is damaged
    :param pids: its QEMU processes on this machine
    """

    directory: HostDirectory
    record: HostRecord | None
    phase: Phase | None
    pids: tuple[int, ...] = ()

    @property
    def failure(self) -> str:
        """Why its last start failed; empty where it did not."""
        if self.record is None or self.phase is not Phase.FAILED:
            return ""
        return self.record.failure or "the command that started it was ended"


def status(name: str) -> HostStatus:
    """How a host is.

    :raises InputError: there is no such host
    """
    return _status(HostDirectory.of(name).existing())


def is_running(name: str) -> bool:
    """Whether there is a host of this name and it runs."""
    try:
        return status(name).phase is Phase.RUNNING
    except (InputError, HostError):
        return False


def overview() -> list[HostStatus]:
    """How all hosts are, by name."""
    return [_status(directory) for directory in HostDirectory.all()]


@contextmanager
def connected(name: str) -> Iterator[tuple[HostRecord, HostConnection]]:
    """A running host: its record and a connection to it.

    :raises InputError: there is no such host
    :raises HostError: it does not run
    """
    with HostConnection(ssh(name)) as connection:
        yield HostDirectory.of(name).read(), connection


def ssh(name: str) -> Ssh:
    """How a running host is reached.

    :raises InputError: there is no such host
    :raises HostError: it does not run
    """
    found = _status(HostDirectory.of(name).existing())
    record = found.directory.read()
    if found.phase is not Phase.RUNNING or record.ssh_port is None:
        raise HostError(
            f"host {name!r} does not run", hint=f"{VhostCommand('up', name=name)} boots it"
        )
    return readiness.ssh(found.directory, record.ssh_port)


def console(name: str, *, follow: bool = False) -> Iterator[str]:
    """What a host wrote to its serial console since its last start, piece by piece.

    :param follow: go on until the host ends
    :raises InputError: there is no such host, or it was never started
    """
    directory = HostDirectory.of(name).existing()
    console_log.cut(directory.console_log)
    if not directory.console_log.exists():
        raise InputError(
            f"host {name!r} was never started", hint=f"{VhostCommand('up', name=name)} boots it"
        )
    yield from console_log.pieces(
        directory.console_log, lambda: follow and bool(orphan_processes.find(directory.path))
    )


def intended(name: str) -> Layout:
    """The layout of the topology that a host was brought up with.

    :raises InputError: there is no such host
    """
    directory = HostDirectory.of(name).existing()
    path = directory.topology
    try:
        text = path.read_bytes()
    except OSError as error:
        raise HostError(
            f"the topology of {name!r} cannot be read ({error})",
            hint=f"run {directory.removal}",
        ) from None
    return yaml_file.load(text, str(path))


def _status(directory: HostDirectory) -> HostStatus:
    console_log.cut(directory.console_log)
    try:
        record = directory.read()
    except HostError:
        return HostStatus(directory, None, None, tuple(orphan_processes.find(directory.path)))
    pids = tuple(orphan_processes.find(record.uuid, record.uri))
    phase = record.phase
    if not pids:
        if phase in (Phase.RUNNING, Phase.SHUTTING_DOWN):
            phase = Phase.OFF
        elif phase in (Phase.PREPARING, Phase.BOOTING) and not directory.holders():
            phase = Phase.FAILED
    return HostStatus(directory, record, phase, pids)
