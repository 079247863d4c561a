# SPDX-License-Identifier: Apache-2.0
"""Options of a lab's services that are set by hand, and put back."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from vhost_tempest_plugin.cloud.compute import options
from vhost_tempest_plugin.cloud.configuration import override
from vhost_tempest_plugin.cloud.configuration.settings import Override, Settings
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.lab.runtime import LabRuntime
from vhost_tempest_plugin.lab.services import services
from vhost_tempest_plugin.util.progress import Progress

Overrides = tuple[Override, ...]


def put(name: str, service: str, assignments: Sequence[str], progress: Progress) -> Overrides:
    """Set options of a service, of every other service that reads them too, and restart those.

    Returns what was set before.  Where a service does not come up with them, they are put
    back before the error is raised.

    :param assignments: ``section.option=value`` each
    :raises InputError: there is no such lab, service or option, or the value is of a wrong type
    :raises StartError: a service refuses the options
    """
    asked = override.parse(service, assignments)
    wanted = tuple(spread for entry in asked for spread in override.spread(entry))
    with LabRuntime.held(name, progress) as runtime:
        before = runtime.lab.record.overrides
        verified = verify(runtime.lab.settings, wanted)
        _change(runtime, override.merge(before, verified))
    return before


def take_back(name: str, service: str, names: Sequence[str], progress: Progress) -> None:
    """Set options of a service to what they are without anything set by hand.

    :param names: ``section.option`` each; all that were set for the service where there are none
    :raises InputError: there is no such lab or service, or the option was not set
    :raises StartError: a service does not come up without the option; it is set again
    """
    asked = override.parse(service, [f"{name}=" for name in names])
    keys = {
        (each.service, each.section, each.option)
        for entry in asked
        for each in override.spread(entry)
    }
    with LabRuntime.held(name, progress) as runtime:
        before = runtime.lab.record.overrides
        kept = tuple(
            entry
            for entry in before
            if (
                (entry.service, entry.section, entry.option) not in keys
                if keys
                else entry.service != service
            )
        )
        if kept == before:
            show = VhostCommand("lab", "config", "list", service, name=name)
            raise InputError(
                f"no such option of {service} was set", hint=f"{show} lists those that are"
            )
        try:
            _change(runtime, kept)
        except StartError as error:
            reset = VhostCommand("lab", "reset", name=name)
            raise StartError(
                f"{error.fact}, and the option is set again",
                error.service,
                error.lines,
                hint=f"{error.hint}; {reset} brings the lab back to when it was ready, without it",
            ) from None


@contextmanager
def changed(
    name: str, service: str, assignments: Sequence[str], progress: Progress
) -> Iterator[None]:
    """Options of a service as ``put`` sets them, for as long as the block takes."""
    before = put(name, service, assignments, progress)
    try:
        yield
    finally:
        with LabRuntime.held(name, progress) as runtime:
            _change(runtime, before)


def verify(settings: Settings, overrides: Iterable[Override]) -> Overrides:
    """Refuse options that a service of the lab does not know, and values of the wrong type.

    Returns them, with those marked whose values are secrets.

    :raises InputError: with what is wrong with the first
    :raises CommandError: the environment does not answer
    """
    return options.verify(
        settings.environment, overrides, lambda service: services.variables(settings, service)
    )


def _change(runtime: LabRuntime, wanted: Overrides) -> None:
    """Have the lab run with *wanted*, or with what it had where a service refuses them."""
    lab, progress = runtime.lab, runtime.progress
    ran = runtime.plane.running()
    changed_lab = lab.having(replace(lab.record, overrides=wanted))
    try:
        changed = LabRuntime.with_kept_nova(changed_lab, progress)
        changed.take_over()
        changed.apply()
    except BaseException:
        progress("putting the options back")
        runtime.take_over()
        # What is started after the one that failed has been stopped, and runs no more.
        runtime.apply(ran - runtime.plane.running())
        raise
