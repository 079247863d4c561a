# SPDX-License-Identifier: Apache-2.0
"""The life of a lab: up, down, back to when it was ready, destroyed.

Every step is recorded before it is taken; whatever kills a command, the next one brings the
lab to where it should be, or removes it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from vhost_tempest_plugin import acceleration, catalog, guest, topology_file
from vhost_tempest_plugin.accelerator import Accelerator
from vhost_tempest_plugin.configuration.settings import Ports, Settings
from vhost_tempest_plugin.errors import InputError, MachineError, VhostError
from vhost_tempest_plugin.guest import GuestImage
from vhost_tempest_plugin.lab import (
    checking,
    database,
    emulated,
    environment,
    ports,
    release,
    schema,
    secret,
    snapshot,
    stages,
)
from vhost_tempest_plugin.lab.computes import Computes, kept_environment
from vhost_tempest_plugin.lab.control_plane import ControlPlane
from vhost_tempest_plugin.lab.directory import LabDirectory
from vhost_tempest_plugin.lab.failure import ServiceError
from vhost_tempest_plugin.lab.record import LabPhase, LabRecord
from vhost_tempest_plugin.lab.stages import Stage
from vhost_tempest_plugin.lab.supervision import Supervision
from vhost_tempest_plugin.progress import Progress
from vhost_tempest_plugin.state import HostDirectory
from vhost_tempest_plugin.topology import Host

DEFAULT_TOPOLOGY = "small"
WAIT_S = 1800.0
_MIB = 1 << 20
# Beside the hosts' memory; and on the disk, for databases, logs and what hosts write.
_MEMORY_MIB = 2048
_DISK_MIB = 2048


@dataclass(frozen=True, slots=True)
class Wish:
    """What ``lab up`` is asked for; None for what the lab has, or a new one's default.

    :param nova: a working tree of Nova
    :param own_nova: the release's own, whatever the lab has had
    :param cold: start anew even where there is a snapshot
    """

    name: str
    host: Host | None = None
    release: str | None = None
    nova: Path | None = None
    own_nova: bool = False
    hosts: int | None = None
    accelerator: Accelerator | None = None
    cold: bool = False


def up(wish: Wish, progress: Progress) -> None:
    """Bring a lab up, from whatever state it is in; it is ready then.

    Where it fails nothing is left running.

    :raises InputError: the lab exists and is another one, or the Nova tree is none
    :raises MachineError: this machine lacks something
    :raises ServiceError: a service does not come up
    """
    release.find(wish.release)
    directory = LabDirectory.of(wish.name)
    with directory.locked(create=True, wait_s=WAIT_S, progress=progress):
        known = _known(directory, wish) if directory.is_recorded else None
        if known is not None and known.phase is LabPhase.READY and _runs(directory):
            _heal(directory, known, _with_nova(known, wish), progress)
        else:
            _bring_up(directory, known, wish, progress)
        progress(f"lab {wish.name!r} is ready")


def down(name: str, progress: Progress) -> None:
    """End everything of a lab; it comes up again as it was when it was ready."""
    directory = LabDirectory.of(name)
    with directory.locked(wait_s=WAIT_S, progress=progress):
        record = directory.read()
        _end(directory, record, progress)
        directory.write(replace(record, phase=LabPhase.DOWN))


def reset(name: str, progress: Progress) -> None:
    """Bring a lab back to when it was ready; what was set by hand since is forgotten.

    :raises InputError: there is no such lab, or it has never been ready
    """
    directory = LabDirectory.of(name)
    with directory.locked(wait_s=WAIT_S, progress=progress):
        record = directory.read()
        if not directory.snapshot.is_dir():
            raise InputError(f"lab {name!r} was never ready; 'vhost lab up' brings it up")
        if record.phase is not LabPhase.READY or not _runs(directory):
            raise InputError(f"lab {name!r} is not up; 'vhost lab up' brings it up as it was")
        changed = bool(record.overrides)
        record = replace(record, overrides=())
        stages.forget(directory)
        with _all_or_nothing(directory, record, progress):
            directory.write(record)
            computes = Computes(directory, record, kept_environment(record), progress)
            if changed:
                _warm(directory, computes, progress)
            else:
                _put_back_running(directory, computes, progress)


def destroy(name: str, progress: Progress) -> None:
    """Remove everything of a lab, also where its record is damaged."""
    directory = LabDirectory.of(name)
    with directory.locked(wait_s=WAIT_S, progress=progress):
        try:
            hosts = directory.read().hosts
        except VhostError as error:
            progress(f"{error}")
            hosts = tuple(_hosts_by_name(name))
        Supervision(directory.path).shutdown()
        for host in hosts:
            emulated.destroy(host, progress)
        directory.remove()
    progress(f"lab {name!r} is gone")


def host_names(name: str, count: int) -> tuple[str, ...]:
    """What the hosts of a lab are called."""
    return tuple(f"{name}-{index}" for index in range(count))


def _bring_up(
    directory: LabDirectory, known: LabRecord | None, wish: Wish, progress: Progress
) -> None:
    """Start a lab that does not run, from its snapshot where that is not stale."""
    stages.forget(directory)
    wanted_release = release.find(known.release if known else wish.release)
    with stages.of(directory, Stage.ENVIRONMENT):
        made = environment.obtain(wanted_release, progress)
    with stages.of(directory, Stage.GUEST):
        image = guest.build(progress)
    with stages.of(directory, Stage.TABLES):
        tables = schema.obtain(made, progress)
    record = _with_nova(known or _new(directory, wish, made, progress), wish)
    record = replace(record, environment=made.path)
    with _all_or_nothing(directory, record, progress):
        record = _with_free_ports(directory, record, progress)
        computes = Computes(directory, record, made, progress)
        wanted = snapshot.digest(computes.settings, (made.digest, image.digest))
        directory.write(replace(record, phase=LabPhase.STARTING))
        if snapshot.is_current(directory, wanted) and not wish.cold:
            _warm(directory, computes, progress)
        else:
            _require_room(directory, computes.settings)
            _cold(directory, computes, image, tables, wanted, progress)
        with stages.of(directory, Stage.CHECKS):
            checking.require(computes.settings)
        directory.write(replace(record, phase=LabPhase.READY))


def _new(
    directory: LabDirectory, wish: Wish, made: environment.Environment, progress: Progress
) -> LabRecord:
    """Record a lab before anything of it is made."""
    host = wish.host or catalog.find(DEFAULT_TOPOLOGY)
    verdict = acceleration.choose(wish.accelerator)
    progress(f"{verdict.accelerator.upper()}: {verdict.reason}")
    record = LabRecord(
        name=wish.name,
        topology=host.name,
        release=made.release.name,
        environment=made.path,
        hosts=host_names(wish.name, wish.hosts or 1),
        accelerator=verdict.accelerator,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        ports=Ports(*ports.choose(len(Ports.__dataclass_fields__))),
        secrets=secret.choose(),
    )
    directory.topology.write_text(topology_file.dump(host))
    directory.write(record)
    return record


def _known(directory: LabDirectory, wish: Wish) -> LabRecord:
    """The record of a lab that exists; what is asked for must be that lab."""
    record = directory.read()
    differing = [
        f"{what} {known}"
        for what, known, asked in (
            ("the topology", record.topology, _topology(directory, wish.host, record)),
            ("the release", record.release, wish.release or record.release),
            ("hosts:", len(record.hosts), wish.hosts or len(record.hosts)),
            ("the accelerator", record.accelerator, wish.accelerator or record.accelerator),
        )
        if known != asked
    ]
    if differing:
        raise InputError(
            f"lab {wish.name!r} has {', '.join(differing)}; "
            f"'vhost lab destroy --name {wish.name}' first, or give another --name"
        )
    return record


def _with_nova(record: LabRecord, wish: Wish) -> LabRecord:
    """The record of a lab that runs the Nova that is asked for."""
    return replace(record, nova=None if wish.own_nova else wish.nova or record.nova)


def _topology(directory: LabDirectory, host: Host | None, record: LabRecord) -> str:
    same = host is None or directory.topology.read_text() == topology_file.dump(host)
    return record.topology if same else f"another than {record.topology}"


def _runs(directory: LabDirectory) -> bool:
    return Supervision(directory.path).is_running()


def _with_free_ports(directory: LabDirectory, record: LabRecord, progress: Progress) -> LabRecord:
    """With the recorded ports, or others where somebody else has one of them by now."""
    Supervision(directory.path).shutdown()
    numbers = [getattr(record.ports, field) for field in Ports.__dataclass_fields__]
    if not (taken := ports.taken(numbers)):
        return record
    progress(f"port {taken[0]} is in use by another program; choosing other ports")
    record = replace(record, ports=Ports(*ports.choose(len(numbers))))
    directory.write(record)
    return record


def _require_room(directory: LabDirectory, settings: Settings) -> None:
    """Refuse what cannot end well, where that can be known."""
    facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free_mib = int(facts["MemAvailable"].split()[0]) // 1024
    hosts_mib = sum(host.layout.host.memory_mib for host in settings.hosts)
    wanted_mib = hosts_mib + _MEMORY_MIB
    if free_mib < wanted_mib:
        raise MachineError(
            f"the lab takes up to {wanted_mib} MiB of memory and {free_mib} MiB are free; "
            "end something, or take a smaller --topology"
        )
    free_mib = shutil.disk_usage(directory.path).free // _MIB
    # What is saved of a host is at most its memory.
    wanted_mib = hosts_mib + _DISK_MIB
    if free_mib < wanted_mib:
        raise MachineError(
            f"the lab takes up to {wanted_mib} MiB in {directory.path} and {free_mib} MiB are "
            "free; free some, or set XDG_STATE_HOME"
        )


def _cold(
    directory: LabDirectory,
    computes: Computes,
    image: GuestImage,
    tables: Path,
    named: str,
    progress: Progress,
) -> None:
    """Start a lab from nothing, and keep what it is when it is ready."""
    snapshot.forget(directory)
    for name in ("mysql", "glance", "rabbitmq"):
        shutil.rmtree(directory.path / name, ignore_errors=True)
    directory.prepare()
    computes.stage()
    with computes.booting():
        plane = ControlPlane(computes.settings, progress)
        with stages.of(directory, Stage.BASE):
            database.clone(tables, directory.mysql)
            plane.launch()
            plane.start_base()
            computes.upgrade_schema()
        with stages.of(directory, Stage.CONTROL_PLANE):
            plane.start_anew(image)
    with stages.of(directory, Stage.COMPUTE):
        computes.start()
    with stages.of(directory, Stage.SAVE):
        computes.save()
    with stages.of(directory, Stage.SNAPSHOT):
        try:
            progress("keeping the lab as it is now")
            plane.supervision.stop("mariadb")
            snapshot.take(directory, computes.names, named)
        finally:
            plane.start_base()
    with stages.of(directory, Stage.RESTORE):
        computes.restore()


def _warm(directory: LabDirectory, computes: Computes, progress: Progress) -> None:
    """Start a lab as it was when it was ready."""
    progress("as it was when it was ready")
    with stages.of(directory, Stage.COPIES):
        Supervision(directory.path).shutdown()
        computes.destroy()
        directory.prepare()
        computes.stage()
        snapshot.put_back(directory)
    with computes.coming_back():
        plane = ControlPlane(computes.settings, progress)
        with stages.of(directory, Stage.BASE):
            plane.launch()
            plane.start_base()
            before = computes.reports()
            computes.upgrade_schema()
        with stages.of(directory, Stage.CONTROL_PLANE):
            plane.start_services()
    with stages.of(directory, Stage.COMPUTE):
        computes.resume(before)


def _put_back_running(directory: LabDirectory, computes: Computes, progress: Progress) -> None:
    """As ``_warm``, while the services run on: all that they know is in the database."""
    plane = ControlPlane(computes.settings, progress)
    with computes.coming_back(), stages.of(directory, Stage.BASE):
        plane.supervision.stop("mariadb")
        snapshot.put_back(directory)
        plane.start_base()
        before = computes.reports()
    with stages.of(directory, Stage.COMPUTE):
        computes.resume(before)


def _heal(directory: LabDirectory, known: LabRecord, record: LabRecord, progress: Progress) -> None:
    """Bring back what has died of a lab that is up, or give it another Nova."""
    progress(f"lab {record.name!r} is up; looking for what has died")
    directory.write(record)
    computes = Computes(directory, record, kept_environment(record), progress)
    if record.nova == known.nova:
        computes.take_staged()
    else:
        computes.stage()
    plane = ControlPlane(computes.settings, progress)
    plane.launch()
    plane.start_base()
    computes.upgrade_schema()
    plane.start_services()
    computes.heal()
    checking.require(computes.settings)


def _end(directory: LabDirectory, record: LabRecord, progress: Progress) -> None:
    Supervision(directory.path, record.secrets).shutdown()
    for host in record.hosts:
        emulated.destroy(host, progress)


@contextmanager
def _all_or_nothing(
    directory: LabDirectory, record: LabRecord, progress: Progress
) -> Iterator[None]:
    """Where it fails, end everything; a service's last lines are told."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, ServiceError):
            for line in error.lines:
                progress(f"{error.program}: {line}")
        progress("ending what runs of the lab")
        _end(directory, record, progress)
        directory.write(replace(directory.read(), phase=LabPhase.DOWN))
        raise


def _hosts_by_name(name: str) -> Iterator[str]:
    for host in HostDirectory.all():
        stem, _, number = host.name.rpartition("-")
        if stem == name and number.isdecimal():
            yield host.name
