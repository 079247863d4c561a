# SPDX-License-Identifier: Apache-2.0
"""The ways in which a lab comes up; the caller holds it and has recorded it."""

import shutil
from pathlib import Path

from vhost_tempest_plugin.cloud.client import accounts
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.host.nested_guest import GuestImage
from vhost_tempest_plugin.lab.checks import run
from vhost_tempest_plugin.lab.hosts import snapshot
from vhost_tempest_plugin.lab.hosts.compute_hosts import ComputeHosts, kept_environment
from vhost_tempest_plugin.lab.services import database
from vhost_tempest_plugin.lab.services.control_plane import ControlPlane
from vhost_tempest_plugin.lab.state import stages
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabRecord
from vhost_tempest_plugin.lab.state.stages import Stage
from vhost_tempest_plugin.util.progress import Progress


def cold(
    directory: LabDirectory,
    computes: ComputeHosts,
    image: GuestImage,
    tables: Path,
    named: str,
    progress: Progress,
) -> None:
    """Start a lab from nothing, and keep what it is when it is ready.

    :param tables: databases to copy
    :param named: the digest of what is kept
    """
    snapshot.forget(directory)
    for name in ("mysql", "glance", "rabbitmq"):
        shutil.rmtree(directory.path / name, ignore_errors=True)
    directory.prepare()
    computes.take_nova()
    with computes.booting():
        plane = ControlPlane(computes.settings, progress, computes.nova)
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
            plane.supervision.stop(Service.MARIADB)
            snapshot.take(directory, computes.settings, named)
        finally:
            plane.start_database()
    with stages.of(directory, Stage.RESTORE):
        computes.restore()


def warm(directory: LabDirectory, computes: ComputeHosts, progress: Progress) -> None:
    """Start a lab as it was when it was ready."""
    progress("as it was when it was ready")
    with stages.of(directory, Stage.COPIES):
        computes.destroy()
        directory.prepare()
        computes.take_nova()
        snapshot.put_back(directory)
    with computes.coming_back():
        plane = ControlPlane(computes.settings, progress, computes.nova)
        with stages.of(directory, Stage.BASE):
            plane.launch()
            plane.start_database()
            before = computes.reports()
            computes.upgrade_schema()
        with stages.of(directory, Stage.CONTROL_PLANE):
            plane.start_services(lambda: _follow_ports(directory, computes.settings))
    with stages.of(directory, Stage.COMPUTE):
        computes.resume(before)


def put_back(directory: LabDirectory, computes: ComputeHosts, progress: Progress) -> None:
    """As ``warm``, while the services run on: all that they know is in the database.

    Those whose options had been changed are restarted.
    """
    computes.keep_nova()
    plane = ControlPlane(computes.settings, progress, computes.nova)
    with computes.coming_back():
        with stages.of(directory, Stage.BASE):
            plane.supervision.stop(Service.MARIADB)
            snapshot.put_back(directory)
            plane.launch()
            plane.start_database()
            before = computes.reports()
        with stages.of(directory, Stage.CONTROL_PLANE):
            plane.start_services(lambda: _follow_ports(directory, computes.settings))
    with stages.of(directory, Stage.COMPUTE):
        computes.resume(before)


def heal(directory: LabDirectory, record: LabRecord, progress: Progress) -> None:
    """Bring back what has died of a lab that is up, and what runs with other files."""
    progress(f"lab {record.name!r} is up; looking for what has died")
    computes = ComputeHosts(directory, record, kept_environment(record), progress)
    computes.keep_nova()
    _make_true(computes, progress)


def change_nova(
    directory: LabDirectory, before: LabRecord, record: LabRecord, progress: Progress
) -> None:
    """Give a lab that is up the Nova under test of *record*, or leave it the one of *before*.

    :raises InputError: the Nova does not import; nothing was touched
    :raises ServiceError: a service does not come up with it; they run with what they had
    """
    made = kept_environment(record)
    old = ComputeHosts(directory, before, made, progress)
    old.keep_nova()
    new = ComputeHosts(directory, record, made, progress)
    new.take_nova()
    try:
        directory.write(record)
        _make_true(new, progress)
    except BaseException:
        progress("going back to the Nova that it had")
        old.put_back_nova()
        directory.write(before)
        _make_true(old, progress)
        raise


def _make_true(computes: ComputeHosts, progress: Progress) -> None:
    """Have all run that should, with what it should run with."""
    plane = ControlPlane(computes.settings, progress, computes.nova)
    plane.launch()
    plane.start_database()
    computes.upgrade_schema()
    plane.start_services()
    computes.heal()
    run.require(computes.settings)


def _follow_ports(directory: LabDirectory, settings: Settings) -> None:
    """Have keystone's catalogue tell the lab's ports, which may be others than were kept."""
    if snapshot.ports(directory) != settings.ports:
        with Cloud.open(settings) as cloud:
            accounts.ensure(settings, cloud)
