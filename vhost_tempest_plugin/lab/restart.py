# SPDX-License-Identifier: Apache-2.0
"""Restarts of a lab's services with the Nova under test as it is now."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from vhost_tempest_plugin.cloud.configuration.override import CONFIGURABLE
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab.hosts.compute_hosts import ComputeHosts
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.runtime import LabRuntime
from vhost_tempest_plugin.util.progress import Progress


def restart(name: str, services: Iterable[str], progress: Progress) -> None:
    """Restart services and wait until they can be used; all of Nova's where none is named.

    :raises InputError: there is no such lab or service, or the Nova under test does not import
    :raises StartError: a service does not come up
    """
    wanted = _services(services)
    with Lab.held(name, progress) as lab:
        runtime = LabRuntime.with_new_nova(lab, progress)
        if any(service.is_nova for service in wanted):
            runtime.upgrade_schema()
        with _in_hosts(runtime.hosts, wanted):
            if set(wanted).issuperset(_services(())):
                # From now on the supervisor starts all of them with the new Nova.
                runtime.plane.launch()
            runtime.plane.restart(service for service in wanted if not service.in_host)


def _in_hosts(hosts: ComputeHosts, wanted: Iterable[Service]) -> AbstractContextManager[None]:
    """What nova-compute does while services of the machine are restarted."""
    if Service.NOVA_COMPUTE in wanted:
        return hosts.restarting()
    return hosts.asleep() if Service.NOVA_CONDUCTOR in wanted else nullcontext()


def _services(names: Iterable[str]) -> tuple[Service, ...]:
    known = [service.value for service in CONFIGURABLE]
    named = list(names)
    if unknown := [name for name in named if name not in known]:
        raise InputError(f"there is no service {unknown[0]!r}", hint=f"known: {', '.join(known)}")
    return tuple(Service(name) for name in named) or tuple(s for s in CONFIGURABLE if s.is_nova)
