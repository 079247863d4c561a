# SPDX-License-Identifier: Apache-2.0
"""Whether the cloud knows all there is to know of a host: Nova's APIs, database, and Placement."""

from collections.abc import Callable, Collection, Iterable, Iterator

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.client.resources import UntrustedError
from vhost_tempest_plugin.cloud.compute.service import ComputeService
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE, StartError
from vhost_tempest_plugin.devstack import cloud as devstack
from vhost_tempest_plugin.errors import VhostCommand, VhostError
from vhost_tempest_plugin.nova.compute_options import ComputeOptions
from vhost_tempest_plugin.nova.expect import device_providers
from vhost_tempest_plugin.nova.pci_devices import PciDeviceRow
from vhost_tempest_plugin.nova.readers import NovaDatabase
from vhost_tempest_plugin.nova.views.nova import TrackedDevice
from vhost_tempest_plugin.nova.views.placement import Provider

_POLL_S = 2.0
# For the first start in an emulated host, where to import Nova takes half a minute, and for
# everything else that runs in a devstack.
_LIMIT_S = 600.0
_LINES = 80


class Readiness:
    """What must be true of one host; ``lacking`` says what is not.

    :param in_force: gives what nova-compute's options lead to there, None where that cannot be
        known; where Nova would not take them it raises an error, and Nova's own reason comes first
    :param database: None where this machine has no way to it
    :param agents: those that Neutron must know as alive, by their programs' names
    :param before: when nova-compute had reported itself last, before it was started
    """

    def __init__(
        self,
        host: ComputeHost,
        in_force: Callable[[], ComputeOptions | None],
        cloud: Cloud,
        database: NovaDatabase | None,
        *,
        agents: Iterable[str],
        before: str | None,
    ) -> None:
        self._host = host
        self._in_force = in_force
        self._cloud = cloud
        self._database = database
        self._agents = frozenset(agents)
        self._before = before

    def lacking(self) -> str | None:
        """The first thing that is not so yet, None where all is as it should be."""
        return next(self._lacking(), None)

    def _lacking(self) -> Iterator[str]:
        name = self._host.name
        reported = devstack.last_report(self._cloud, name)
        if reported is None or reported == self._before:
            yield "nova-compute has not reported itself to Nova"
            return
        node = devstack.compute_node(self._cloud, name)
        if node is None:
            yield "the host is mapped to no cell"
            return
        options = self._in_force()
        if self._database is not None and options is not None:
            yield from _lacking_devices(self._database.view(name).devices, options.devices)
        if self._agents:
            missing = self._agents - self._cloud.living_agents(name)
            for agent in sorted(missing):
                yield f"Neutron knows of no living {agent} there"
        if options is not None:
            yield from self._lacking_of(options, self._cloud.placement.providers(node))

    def _lacking_of(
        self, options: ComputeOptions, providers: tuple[Provider, ...]
    ) -> Iterator[str]:
        name, cpus = self._host.name, options.cpus
        own = next((provider for provider in providers if provider.name == name), None)
        for kind, count in (("VCPU", len(cpus.shared)), ("PCPU", len(cpus.dedicated))):
            there = own.inventories[kind].total if own and kind in own.inventories else 0
            if there != count:
                yield f"Placement has {there} {kind} of it and not {count}"
        if options.reports_devices:
            devices = device_providers(self._host.layout, options.entries)
            wanted = {device.name(name) for device in devices}
            if missing := wanted - {provider.name for provider in providers}:
                yield f"Placement lacks {len(missing)} of its {len(wanted)} devices"


def _lacking_devices(
    found: Collection[TrackedDevice], wanted: Collection[PciDeviceRow]
) -> Iterator[str]:
    """What is wrong with the rows of a host; one that an instance has stays until it is free."""
    there = {device.row for device in found}
    if missing := set(wanted) - there:
        having = len(wanted) - len(missing)
        yield f"Nova's database has {having} of its {len(wanted)} devices"
    surplus = {device.row for device in found if not device.instance} - set(wanted)
    if surplus:
        yield f"Nova's database has {len(surplus)} devices that no option names"


def wait(readiness: Readiness, compute: ComputeService, logs: VhostCommand) -> None:
    """Wait until nothing is lacking.

    :param logs: the command that shows nova-compute's log, for hints
    :raises StartError: nova-compute ended, or something is still lacking at the limit
    """
    lacking: str | None = None

    def is_ready() -> bool:
        nonlocal lacking
        lacking = _missing(readiness)
        return lacking is None

    def error(seen: str) -> StartError:
        return _error(compute, f"{seen} ({lacking})" if lacking else seen, logs)

    compute.wait_until(is_ready, "the cloud to know all of it", _LIMIT_S, error, _POLL_S)


def _missing(readiness: Readiness) -> str | None:
    try:
        return readiness.lacking()
    except UntrustedError:
        raise
    except VhostError as error:
        # Nova's services may be on their way themselves.
        return error.fact


def _error(compute: ComputeService, what: str, logs: VhostCommand) -> StartError:
    lines = tuple(compute.since_start(_LINES))
    return failure.of_log(NOVA_COMPUTE, what, lines, f"see {logs}", where="in the emulated host")
