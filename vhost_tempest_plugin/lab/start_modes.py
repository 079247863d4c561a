# SPDX-License-Identifier: Apache-2.0
"""The ways in which a lab comes up; the caller holds it and has recorded it."""

from collections.abc import Iterable
from pathlib import Path

from vhost_tempest_plugin.cloud.client import accounts
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import jobs
from vhost_tempest_plugin.host.nested_guest import GuestImage
from vhost_tempest_plugin.lab.hosts import snapshot
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.runtime import LabRuntime
from vhost_tempest_plugin.lab.services import administrator, database
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.lab.state import stages
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.stages import Stage
from vhost_tempest_plugin.util import removal
from vhost_tempest_plugin.util.progress import Progress


def cold(lab: Lab, image: GuestImage, tables: Path, named: str, progress: Progress) -> None:
    """Start a lab from nothing, and keep what it is when it is ready.

    :param tables: databases to copy
    :param named: the digest of what is kept
    """
    directory = lab.directory
    snapshot.forget(directory)
    for name in ("mysql", "glance", "rabbitmq"):
        removal.remove(directory.path / name)
    directory.prepare()
    runtime = LabRuntime.with_new_nova(lab, progress)
    hosts, plane = runtime.hosts, runtime.plane
    with hosts.booting():
        with stages.of(directory, Stage.BASE):
            database.clone(tables, directory.mysql)
            plane.launch()
            plane.start_base()
            runtime.upgrade_schema()
        with stages.of(directory, Stage.CONTROL_PLANE):
            plane.start_anew(image)
    with stages.of(directory, Stage.COMPUTE):
        hosts.start()
    with stages.of(directory, Stage.SAVE):
        hosts.save()
    with stages.of(directory, Stage.SNAPSHOT):
        try:
            progress("keeping the lab as it is now")
            administrator.lock_out(lab.settings)
            plane.supervision.stop(Service.MARIADB)
            snapshot.take(directory, lab.settings, named)
        finally:
            plane.start_database()
            administrator.let_in(lab.settings)
    with stages.of(directory, Stage.RESTORE):
        hosts.restore()


def warm(lab: Lab, progress: Progress) -> None:
    """Start a lab as it was when it was ready."""
    progress("as it was when it was ready")
    directory = lab.directory
    with stages.of(directory, Stage.COPIES):
        directory.prepare()
        runtime = LabRuntime.with_new_nova(lab, progress)
        runtime.hosts.destroy()
        snapshot.put_back(directory)
    hosts, plane = runtime.hosts, runtime.plane
    with hosts.coming_back():
        with stages.of(directory, Stage.BASE):
            plane.launch()
            hosts.connect()
            plane.start_database()
            administrator.let_in(lab.settings)
            before = hosts.reports()
            runtime.upgrade_schema()
        with stages.of(directory, Stage.CONTROL_PLANE):
            plane.start_services(lambda: _follow_ports(lab))
    with stages.of(directory, Stage.COMPUTE):
        hosts.resume(before)


def from_snapshot(lab: Lab, progress: Progress) -> bool:
    """As ``warm``; False where what was kept does not come up, and nothing runs then.

    :raises StartError: a service does not come up, for another reason than its database
    :raises PortTakenError: another program has one of the lab's ports
    :raises LocalError: the machine lacks something
    """
    try:
        warm(lab, progress)
    except (HostError, StartError) as error:
        if isinstance(error, StartError) and error.service != Service.MARIADB:
            raise
        end(lab.directory, lab.record.hosts, progress)
        progress(f"what was kept of the lab does not come up: {error.fact}")
        return False
    return True


def put_back(lab: Lab, progress: Progress) -> None:
    """As ``warm``, while the services run on: all that they know is in the database.

    Those whose options had been changed are restarted.
    """
    directory = lab.directory
    runtime = LabRuntime.with_kept_nova(lab, progress)
    hosts, plane = runtime.hosts, runtime.plane
    with hosts.coming_back():
        with stages.of(directory, Stage.BASE):
            plane.supervision.stop(Service.MARIADB)
            snapshot.put_back(directory)
            plane.launch()
            hosts.connect()
            plane.start_database()
            administrator.let_in(lab.settings)
            before = hosts.reports()
        with stages.of(directory, Stage.CONTROL_PLANE):
            plane.start_services(lambda: _follow_ports(lab))
    with stages.of(directory, Stage.COMPUTE):
        hosts.resume(before)


def heal(lab: Lab, progress: Progress) -> None:
    """Bring back what has died of a lab that is up, and what runs with other files."""
    progress(f"lab {lab.name!r} is up; looking for what has died")
    LabRuntime.with_kept_nova(lab, progress).heal()


def change_nova(before: Lab, lab: Lab, progress: Progress) -> None:
    """Give a lab that is up the Nova under test of *lab*, or leave it the one of *before*.

    :raises InputError: the Nova does not import; nothing was touched
    :raises StartError: a service does not come up with it; they run with what they had
    """
    old = LabRuntime.with_kept_nova(before, progress)
    new = LabRuntime.with_new_nova(lab, progress)
    try:
        new.take_over()
        new.heal()
    except BaseException:
        progress("going back to the Nova that it had")
        old.take_over()
        old.heal()
        raise


def end(directory: LabDirectory, hosts: Iterable[str], progress: Progress) -> None:
    """End everything: what has passwords to send before the supervisor, which holds the ports."""
    try:
        jobs.destroy_all(hosts, directory.owner, progress)
    finally:
        Supervision(directory.path).shutdown()


def _follow_ports(lab: Lab) -> None:
    """Have keystone's catalogue name the lab's ports, which may be others than were kept."""
    if snapshot.ports(lab.directory) != lab.settings.ports:
        with Cloud.open(lab.settings) as cloud:
            accounts.ensure(lab.settings, cloud)
