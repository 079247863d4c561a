# SPDX-License-Identifier: Apache-2.0
"""The life of a lab: up, down, back to when it was ready, destroyed.

Every step is recorded before it is taken; whatever kills a command, the next one brings the
lab to where it should be, or removes it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from vhost_tempest_plugin.cloud.configuration.settings import Ports
from vhost_tempest_plugin.errors import (
    HostError,
    InputError,
    LocalError,
    VhostCommand,
    VhostError,
)
from vhost_tempest_plugin.host import acceleration, nested_guest, ownership, session
from vhost_tempest_plugin.host.doctor.doctor import ResourceRequirement
from vhost_tempest_plugin.lab import lock_holder, preflight, start_modes
from vhost_tempest_plugin.lab import spec as lab_spec
from vhost_tempest_plugin.lab.checks import run
from vhost_tempest_plugin.lab.environment import environment, release
from vhost_tempest_plugin.lab.hosts import snapshot
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.services import schema, secret
from vhost_tempest_plugin.lab.spec import LabSpec
from vhost_tempest_plugin.lab.state import stages
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabPhase, LabRecord
from vhost_tempest_plugin.lab.state.stages import Stage
from vhost_tempest_plugin.topology import yaml_file
from vhost_tempest_plugin.util import atomic_file, paths, tcp_ports
from vhost_tempest_plugin.util.progress import Progress
from vhost_tempest_plugin.util.state_directory import WAIT_S
from vhost_tempest_plugin.util.tcp_ports import PortTakenError

_PORT_TRIES = 5


def up(spec: LabSpec, progress: Progress) -> None:
    """Bring a lab up, from whatever state it is in; it is ready then.

    Where it fails nothing is left running.

    :raises InputError: the lab exists and is another one, one of its hosts' names is another's, or
        the Nova tree is none
    :raises LocalError: this machine lacks something
    :raises StartError: a service does not come up
    """
    session.require("a lab", preflight.OPEN_FILES)
    release.find(spec.release)
    directory = LabDirectory.of(spec.name)
    with directory.locked(create=True, wait_s=WAIT_S, progress=progress):
        known = lab_spec.read_same(directory, spec) if directory.is_recorded else None
        hosts = known.hosts if known else directory.owner.host_names(spec.hosts or 1)
        ownership.require_names(directory.owner, hosts, is_new=known is None)
        if known is not None and (lab := Lab(directory, known)).is_up:
            _improve(lab, lab_spec.with_nova(directory, known, spec), progress)
        else:
            _bring_up(directory, known, spec, progress)
        progress(f"lab {spec.name!r} is ready")


def down(name: str, progress: Progress) -> None:
    """End everything of a lab; it comes up again as it was when it was ready."""
    directory = LabDirectory.of(name)
    with directory.locked(wait_s=WAIT_S, progress=progress):
        record = directory.read()
        start_modes.end(directory, record.hosts, progress)
        directory.write(replace(record, phase=LabPhase.DOWN))


def reset(name: str, progress: Progress) -> None:
    """Bring a lab back to when it was ready; what was set by hand since is forgotten.

    :raises InputError: there is no such lab, or it has never been ready
    """
    directory = LabDirectory.of(name)
    with directory.locked(wait_s=WAIT_S, progress=progress):
        record = directory.read()
        if not directory.snapshot.is_dir():
            raise InputError(
                f"lab {name!r} was never ready",
                hint=f"{VhostCommand('lab', 'up', name=name)} brings it up",
            )
        if snapshot.is_damaged(directory):
            raise HostError(
                f"what was kept of lab {name!r} is damaged",
                hint=f"{VhostCommand('lab', 'down', name=name)} and "
                f"{VhostCommand('lab', 'up', name=name)} make it anew",
            )
        if not Lab(directory, record).is_up:
            raise InputError(
                f"lab {name!r} is not up",
                hint=f"{VhostCommand('lab', 'up', name=name)} brings it up as it was",
            )
        ownership.require_names(directory.owner, record.hosts, is_new=False)
        record = replace(record, overrides=())
        stages.forget(directory)
        with _all_or_nothing(directory, record, progress):
            directory.write(replace(record, phase=LabPhase.STARTING))
            start_modes.put_back(Lab(directory, record), progress)
            directory.write(record)


def destroy(name: str, progress: Progress) -> None:
    """Remove everything of a lab, also where its record is damaged or another command has it.

    That command is ended.  Hosts that are not the lab's stay.
    """
    directory = LabDirectory.of(name)
    lock_holder.end(directory, progress)
    with directory.locked(wait_s=WAIT_S, progress=progress):
        try:
            hosts = directory.read().hosts
        except VhostError as error:
            progress(f"{error}")
            hosts = ownership.hosts_of(directory.owner, progress)
        start_modes.end(directory, hosts, progress)
        directory.remove()
    progress(f"lab {name!r} is gone")


def _bring_up(
    directory: LabDirectory, known: LabRecord | None, spec: LabSpec, progress: Progress
) -> None:
    """Start a lab that does not run, from its snapshot where that is not stale."""
    stages.forget(directory)
    _require_room(directory, known, spec)
    wanted_release = release.find(known.release if known else spec.release)
    with stages.of(directory, Stage.ENVIRONMENT):
        made = environment.obtain(wanted_release, progress)
    with stages.of(directory, Stage.GUEST):
        image = nested_guest.build(progress)
    with stages.of(directory, Stage.TABLES):
        tables = schema.obtain(made, progress)
    kept = known or _new(directory, spec, made, progress)
    # A client may have sent the old one to another program, which had the port meanwhile.
    kept = replace(kept, secrets=replace(kept.secrets, admin=secret.choose().admin))
    record = replace(lab_spec.with_nova(directory, kept, spec), environment=made.path)

    def start(record: LabRecord) -> None:
        directory.write(replace(record, phase=LabPhase.STARTING))
        lab = Lab(directory, record)
        wanted = snapshot.digest(lab.settings, (made.digest, image.digest))
        is_kept = snapshot.is_current(directory, wanted) and not spec.cold
        if not is_kept or not start_modes.from_snapshot(lab, progress):
            progress("starting the lab anew")
            start_modes.cold(lab, image, tables, wanted, progress)
        with stages.of(directory, Stage.CHECKS):
            run.require(lab.settings)

    with _all_or_nothing(directory, kept, progress):
        start_modes.end(directory, known.hosts if known else (), progress)
        record = _on_free_ports(directory, record, start, progress)
        directory.write(replace(record, phase=LabPhase.READY))


def _on_free_ports(
    directory: LabDirectory,
    record: LabRecord,
    start: Callable[[LabRecord], None],
    progress: Progress,
) -> LabRecord:
    """Start a lab on its ports; on others where another program has one of them.

    :raises LocalError: another program had one of those at each try
    """
    for _ in range(_PORT_TRIES):
        try:
            start(record)
        except PortTakenError as error:
            progress(f"{error.fact}; the lab takes other ports")
            start_modes.end(directory, record.hosts, progress)
            record = replace(record, ports=_free_ports())
        else:
            return record
    raise LocalError(
        f"another program took a port of lab {record.name!r} at each of {_PORT_TRIES} tries",
        hint="see ss -ltnp for the program",
    )


def _free_ports() -> Ports:
    return Ports(*tcp_ports.choose(len(Ports.__dataclass_fields__)))


def _improve(lab: Lab, record: LabRecord, progress: Progress) -> None:
    """Bring back what has died of a lab that is up, and give it another Nova if it is to."""
    if record.nova == lab.record.nova:
        start_modes.heal(lab, progress)
    else:
        start_modes.change_nova(lab, lab.having(record), progress)


def _require_room(directory: LabDirectory, known: LabRecord | None, spec: LabSpec) -> None:
    preflight.require_places(directory.path, paths.cache())
    if known is None:
        layout, count = spec.layout or lab_spec.default_layout(), spec.hosts or 1
    else:
        layout = yaml_file.load_layout(directory.topology)
        count = len(known.hosts)
    need = ResourceRequirement(layout, count, lab=True)
    is_kept = directory.snapshot.is_dir() and not spec.cold
    preflight.require(directory.path, need, 0 if is_kept else need.hosts_mib)


def _new(
    directory: LabDirectory, spec: LabSpec, made: environment.Environment, progress: Progress
) -> LabRecord:
    """Record a lab before anything of it is made."""
    host = (spec.layout or lab_spec.default_layout()).host
    verdict = acceleration.choose(spec.accelerator)
    progress(f"{verdict.accelerator.upper()}: {verdict.reason}")
    record = LabRecord(
        name=spec.name,
        topology=host.name,
        release=made.release.name,
        environment=made.path,
        hosts=directory.owner.host_names(spec.hosts or 1),
        accelerator=verdict.accelerator,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        ports=_free_ports(),
        secrets=secret.choose(),
    )
    atomic_file.write(directory.topology, yaml_file.dump(host), durable=True)
    directory.write(record)
    return record


@contextmanager
def _all_or_nothing(directory: LabDirectory, kept: LabRecord, progress: Progress) -> Iterator[None]:
    """Where it fails, end everything.

    :param kept: what to record of the lab then
    """
    try:
        yield
    except BaseException:
        progress("ending what runs of the lab")
        try:
            start_modes.end(directory, kept.hosts, progress)
        finally:
            directory.write(replace(kept, phase=LabPhase.DOWN))
        raise
