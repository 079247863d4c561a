# SPDX-License-Identifier: Apache-2.0
"""The life of an emulated host: up, down, saved, restored, destroyed.

Every step is recorded before it is taken, so that whatever kills a command, the next one
knows what there is.  Commands on one host wait for each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from vhost_tempest_plugin.errors import HostError, InputError, LocalError, VhostCommand, VhostError
from vhost_tempest_plugin.host import (
    boot,
    ownership,
    readiness,
    session,
    share,
    share_images,
    status,
)
from vhost_tempest_plugin.host import spec as host_spec
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.network import uplinks
from vhost_tempest_plugin.host.owner import USER, HostOwner
from vhost_tempest_plugin.host.record import HostRecord, Phase
from vhost_tempest_plugin.host.spec import HostSpec
from vhost_tempest_plugin.host.status import HostStatus
from vhost_tempest_plugin.hypervisor import Connection, Domain, forget, orphan_processes
from vhost_tempest_plugin.hypervisor import image as save_image
from vhost_tempest_plugin.topology import requirements
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util.progress import Progress
from vhost_tempest_plugin.util.state_directory import WAIT_S


def up(spec: HostSpec, progress: Progress) -> HostStatus:
    """Bring a host up, from whatever state it is in.

    :raises InputError: the host or its name is another's, it exists with another topology, other
        shares or another uplink, or a share or the uplink is not possible
    :raises LocalError: this machine lacks something
    :raises HostError: the host does not boot; the message has its console's last lines
    """
    session.require("a host")
    directory = HostDirectory.of(spec.name)
    share.validate(spec.shares)
    share_images.require(spec.shares, directory)
    with directory.locked(create=True, wait_s=WAIT_S, progress=progress):
        known = host_spec.read_same(directory, spec)
        uri = known.uri if known else spec.uri
        with Connection.open(uri, directory.libvirt_root) as connection:
            requirements.validate(spec.layout.host, connection.versions)
            record = known or host_spec.record_new(directory, spec, progress)
            domain = _found(connection, directory, record)
            awake = record.phase is Phase.RUNNING
            with _failure_recorded(directory):
                if domain is not None and record.phase is Phase.SHUTTING_DOWN:
                    # A command that was killed has asked it to.
                    readiness.shut_down(domain, directory, record, progress)
                    domain = None
                if domain is not None:
                    progress(f"host {spec.name!r} runs already")
                    domain.resume()
                elif awake := directory.saved.exists() and not spec.cold:
                    domain = _restored(connection, directory, record, progress)
                else:
                    share_images.require(record.shares, directory)
                    directory.saved.unlink(missing_ok=True)
                    directory.console_before.unlink(missing_ok=True)
                    domain = boot.start(connection, directory, record, spec.layout, progress)
                _await_ssh(domain, directory, spec.layout, progress, awake=awake)
    return status.status(spec.name)


def restore(name: str, progress: Progress, *, owner: HostOwner = USER) -> HostStatus:
    """Bring a saved host back.

    :raises InputError: it is not saved, or not *owner*'s, or what it shares has changed
    """
    directory = HostDirectory.of(name)
    with directory.locked(wait_s=WAIT_S, progress=progress):
        ownership.require(name, owner)
        record = directory.read()
        with Connection.open(record.uri, directory.libvirt_root) as connection:
            domain = _found(connection, directory, record)
            if domain is not None:
                raise InputError(
                    f"host {name!r} runs", hint=f"{VhostCommand('save', name)} saves it first"
                )
            if not directory.saved.exists():
                raise InputError(
                    f"host {name!r} is not saved", hint=f"{VhostCommand('up', name=name)} boots it"
                )
            with _failure_recorded(directory):
                domain = _restored(connection, directory, record, progress)
                _await_ssh(domain, directory, status.intended(name), progress, awake=True)
    return status.status(name)


def save(name: str, progress: Progress, *, owner: HostOwner = USER) -> None:
    """Save a running host to its directory and end it.

    :raises InputError: it does not run, or is not *owner*'s, or a NIC was unplugged and came back
    :raises HostError: it cannot be saved; it runs on
    """
    directory = HostDirectory.of(name)
    with directory.locked(wait_s=WAIT_S, progress=progress):
        ownership.require(name, owner)
        record = directory.read()
        if record.replugged:
            # It numbers user-mode networks as they come, and never gives a number twice.
            raise InputError(
                f"host {name!r} cannot be saved: a NIC came back since it was started, and QEMU "
                "would not restore that",
                hint=f"{VhostCommand('down', name)} and {VhostCommand('up', name=name)} first",
            )
        with Connection.open(record.uri, directory.libvirt_root) as connection:
            domain = _running(connection, directory, record)
            progress(f"saving {name!r}")
            domain.save(directory.saved)
        directory.write(replace(record, phase=Phase.SAVED, ssh_port=None))
        progress(f"saved: {directory.saved.stat().st_blocks * 512 >> 20} MiB")


def down(name: str, progress: Progress, *, owner: HostOwner = USER) -> None:
    """Shut a host down; its disk stays.  A saved state is given up.

    :raises InputError: it is not *owner*'s
    """
    directory = HostDirectory.of(name)
    with directory.locked(wait_s=WAIT_S, progress=progress):
        ownership.require(name, owner)
        record = directory.read()
        with Connection.open(record.uri, directory.libvirt_root) as connection:
            domain = _found(connection, directory, record)
            if domain is None:
                progress(f"host {name!r} is off already")
            else:
                directory.write(replace(record, phase=Phase.SHUTTING_DOWN))
                readiness.shut_down(domain, directory, record, progress)
        directory.saved.unlink(missing_ok=True)
        directory.write(replace(record, phase=Phase.OFF, ssh_port=None))


def destroy(name: str, progress: Progress, *, owner: HostOwner = USER) -> None:
    """Remove everything of a host, also where its record is damaged.

    :raises InputError: it is not *owner*'s
    """
    directory = HostDirectory.of(name)
    with directory.locked(wait_s=WAIT_S, progress=progress):
        ownership.require(name, owner)
        record = status.status(name).record
        if record is not None:
            _end(directory, record, progress)
            orphan_processes.kill(record.uuid, record.uri)
        orphan_processes.kill(directory.path)
        forget(directory.libvirt_root)
        directory.remove()
    progress(f"host {name!r} is gone")


def live_xml(name: str) -> str:
    """The domain XML of a running host, as libvirt has it.

    :raises InputError: it does not run
    """
    directory = HostDirectory.of(name)
    with directory.locked(wait_s=WAIT_S):
        record = directory.read()
        with Connection.open(record.uri, directory.libvirt_root) as connection:
            return _running(connection, directory, record).xml()


def _found(connection: Connection, directory: HostDirectory, record: HostRecord) -> Domain | None:
    """The host's domain; what a killed command left half done is cleared up first."""
    domain = connection.find(record.uuid)
    if domain is None:
        orphan_processes.kill(record.uuid, record.uri)
        save_image.adopt(directory.saved)
    return domain


def _end(directory: HostDirectory, record: HostRecord, progress: Progress) -> None:
    """End the domain; with a libvirt that does not open, its processes are left to others."""
    try:
        with Connection.open(record.uri, directory.libvirt_root) as connection:
            domain = connection.find(record.uuid)
            if domain is not None:
                domain.destroy()
    except (HostError, LocalError) as error:
        if record.uri is not None:
            raise
        progress(f"libvirt does not help ({error.fact}); ending QEMU itself")


def _running(connection: Connection, directory: HostDirectory, record: HostRecord) -> Domain:
    domain = _found(connection, directory, record)
    if domain is None:
        raise InputError(
            f"host {record.name!r} does not run",
            hint=f"{VhostCommand('up', name=record.name)} boots it",
        )
    return domain


def _restored(
    connection: Connection, directory: HostDirectory, record: HostRecord, progress: Progress
) -> Domain:
    """Restore, and forget the saved state before the host changes its disk."""
    share_images.require_unchanged(record)
    uplinks.require_unchanged(record)
    progress(f"restoring {record.name!r}")
    directory.write(replace(record, phase=Phase.BOOTING, ssh_port=None, failure=""))
    directory.keep_console()
    domain = connection.restore(directory.saved, record.uuid, record.name)
    directory.saved.unlink()
    domain.resume()
    return domain


@contextmanager
def _failure_recorded(directory: HostDirectory) -> Iterator[None]:
    """Record why a host did not start, so that it is not listed as one that boots."""
    try:
        yield
    except VhostError as error:
        record = directory.read()
        if not orphan_processes.find(record.uuid, record.uri):
            phase = Phase.SAVED if directory.saved.exists() else Phase.FAILED
            directory.write(replace(record, phase=phase, failure=error.fact, ssh_port=None))
        raise


def _await_ssh(
    running: Domain,
    directory: HostDirectory,
    layout: Layout,
    progress: Progress,
    *,
    awake: bool,
) -> None:
    """Wait until the host accepts ssh; record the port that leads there.

    A host that does not come up is ended, so that nothing runs that nobody can use.
    """
    record = directory.read()
    try:
        port = readiness.wait(running, directory, record, layout, progress, awake=awake)
    except HostError:
        running.destroy()
        raise
    directory.write(replace(record, phase=Phase.RUNNING, ssh_port=port))
