# SPDX-License-Identifier: Apache-2.0
"""Options of a lab's services that are set by hand, and put back."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from vhost_tempest_plugin.cloud.compute import options
from vhost_tempest_plugin.cloud.configuration import override
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override, Settings
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab import lifecycle, status
from vhost_tempest_plugin.lab.hosts.compute_hosts import ComputeHosts, kept_environment, settings_of
from vhost_tempest_plugin.lab.services import services
from vhost_tempest_plugin.lab.services.control_plane import ControlPlane
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabRecord
from vhost_tempest_plugin.util.progress import Progress

Overrides = tuple[Override, ...]


def put(name: str, service: str, assignments: Sequence[str], progress: Progress) -> Overrides:
    """Set options of a service, of every other service that reads them too, and restart those.

    Returns what was set before.  Where a service does not come up with them, they are put
    back before the error is raised.

    :param assignments: ``section.option=value`` each
    :raises InputError: there is no such lab, service or option, or the value is of a wrong type
    :raises ServiceError: a service refuses the options
    """
    asked = override.parse(service, assignments)
    wanted = tuple(spread for entry in asked for spread in override.spread(entry))
    directory = LabDirectory.of(name)
    with directory.locked(wait_s=lifecycle.WAIT_S, progress=progress):
        directory, record = status.running(name)
        verify(status.settings(name), wanted)
        _change(directory, record, override.merge(record.overrides, wanted), progress)
    return record.overrides


def take_back(name: str, service: str, names: Sequence[str], progress: Progress) -> None:
    """Set options of a service to what they are without anything set by hand.

    :param names: ``section.option`` each; all that were set for the service where there are none
    :raises InputError: there is no such lab or service, or the option was not set
    """
    asked = override.parse(service, [f"{name}=" for name in names])
    keys = {
        (each.service, each.section, each.option)
        for entry in asked
        for each in override.spread(entry)
    }
    directory = LabDirectory.of(name)
    with directory.locked(wait_s=lifecycle.WAIT_S, progress=progress):
        directory, record = status.running(name)
        kept = tuple(
            entry
            for entry in record.overrides
            if (
                (entry.service, entry.section, entry.option) not in keys
                if keys
                else entry.service != service
            )
        )
        if kept == record.overrides:
            raise InputError(
                f"no such option of {service} was set; see 'vhost lab config set {service}'"
            )
        _change(directory, record, kept, progress)


@contextmanager
def changed(
    name: str, service: str, assignments: Sequence[str], progress: Progress
) -> Iterator[None]:
    """Options of a service as ``put`` sets them, for as long as the block takes."""
    before = put(name, service, assignments, progress)
    try:
        yield
    finally:
        directory = LabDirectory.of(name)
        with directory.locked(wait_s=lifecycle.WAIT_S, progress=progress):
            directory, record = status.running(name)
            _change(directory, record, before, progress)


def verify(settings: Settings, overrides: Iterable[Override]) -> None:
    """Refuse options that a service of the lab does not know, and values of the wrong type.

    :raises InputError: with what is wrong with the first
    :raises CommandError: the environment does not answer
    """
    options.verify(
        settings.environment, overrides, lambda service: services.variables(settings, service)
    )


def _change(
    directory: LabDirectory, record: LabRecord, wanted: Overrides, progress: Progress
) -> None:
    ran = _plane(directory, record, progress).running()
    try:
        with failure.telling(progress):
            _apply(directory, replace(record, overrides=wanted), progress)
    except BaseException:
        progress("putting the options back")
        # What is started after the one that failed has been stopped, and runs no more.
        _apply(directory, record, progress, ran - _plane(directory, record, progress).running())
        raise


def _plane(directory: LabDirectory, record: LabRecord, progress: Progress) -> ControlPlane:
    return ControlPlane(settings_of(directory, record), progress)


def _apply(
    directory: LabDirectory,
    record: LabRecord,
    progress: Progress,
    down: Collection[Service] = (),
) -> None:
    """Write the files that differ, restart whose they are, and wait for those.

    :param down: what is to be started besides
    """
    directory.write(record)
    computes = ComputeHosts(directory, record, kept_environment(record), progress)
    computes.keep_nova()
    plane = ControlPlane(computes.settings, progress, computes.nova)
    with computes.restarting(only_changed=True):
        plane.restart_changed(down)
