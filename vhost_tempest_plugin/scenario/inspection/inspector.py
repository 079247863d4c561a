# SPDX-License-Identifier: Apache-2.0
"""Whether all views of a test's servers agree, and whether what they had is free again."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from tempest.lib import exceptions

from vhost_tempest_plugin.host.nested_guest import GuestReport
from vhost_tempest_plugin.nova.expect import Observation
from vhost_tempest_plugin.nova.views import (
    Power,
    disagreements,
    leaks,
    observation,
    server_views,
    unchanged,
)
from vhost_tempest_plugin.scenario.clients.cloud import TWO_AUDITS_S, ScenarioCloud
from vhost_tempest_plugin.scenario.clients.stopwatch import Stopwatch
from vhost_tempest_plugin.scenario.inspection.observed_host import HostSnapshot, ObservedHost
from vhost_tempest_plugin.scenario.placed_server import PlacedServer
from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen of a server.

    :param seen: where libvirt runs it; None where it does not run
    :param facts: in what its views differ; none where they agree
    :param console_log: the host's file of its console; None without one
    :param device_nodes: the host's NUMA node of each of its devices; None for no node
    """

    seen: Observation | None
    facts: tuple[str, ...] = ()
    console_log: str | None = None
    device_nodes: Mapping[PciAddress, int | None] | None = None


class Inspector:
    """Compares the views of servers; changes nothing.

    :param hosts: the compute hosts by name
    """

    def __init__(self, cloud: ScenarioCloud, hosts: Mapping[str, ObservedHost]) -> None:
        self._cloud = cloud
        self._hosts = hosts

    def inspect(
        self, *servers: PlacedServer, report: GuestReport | None = None
    ) -> tuple[Inspection, ...]:
        """What is seen of servers; one look at each host for all of them.

        :param report: what the guest in it has reported, where there is one server
        """
        names = dict.fromkeys(server.host for server in servers)
        snapshots = {name: self._hosts[name].snapshot() for name in names}
        return tuple(self._inspect(server, snapshots[server.host], report) for server in servers)

    def held_by(self, server: str, name: str, watch: Stopwatch) -> tuple[str, ...]:
        """What a server (uuid) holds of a host that it is not on any more; waits for a release."""
        host = self._hosts[name]

        def free() -> bool | None:
            nova = host.nova()
            return None if nova.of(server) or server in nova.instances else True

        with contextlib.suppress(exceptions.TimeoutException):
            self._cloud.until(free, "release", watch, TWO_AUDITS_S)
        snapshot = host.snapshot()
        # It may have some of another host, where it is now.
        own = set(snapshot.tree.values())
        everywhere = self._cloud.placement.of(server, snapshot.tree)
        holdings = tuple(holding for holding in everywhere if holding.provider in own)
        return tuple(map(str, leaks(snapshot.host, snapshot.nova, holdings, ours={server})))

    def held(self, watch: Stopwatch) -> tuple[str, ...]:
        """What anybody holds of the hosts, after a time to let go; none where all is free."""
        facts: list[str] = []
        for name, host in self._hosts.items():
            # What is still held says more than that it took too long.
            with contextlib.suppress(exceptions.TimeoutException):
                self._cloud.until(partial(_is_free, host), "release", watch, TWO_AUDITS_S)
            facts += [f"after the test: {name}: {leak}" for leak in host.leaks()]
        return tuple(facts)

    def _inspect(
        self, server: PlacedServer, snapshot: HostSnapshot, report: GuestReport | None
    ) -> Inspection:
        host = self._hosts[server.host]
        views = server_views(
            server.id,
            server.host,
            snapshot.host,
            snapshot.nova,
            api=self._cloud.topology(server.id),
            holdings=self._cloud.placement.of(server.id, snapshot.tree),
            power=server.power,
            reported_devices=snapshot.reports_devices,
            report=report,
            migration_reserved=server.reserved(server.host),
            pcpu_fallback=server.claim.fallback,
            physical=host.physical,
        )
        facts = (*map(str, disagreements(views, host.cpu_sets)), *self._left_behind(server))
        domain = views.domain
        if domain is None or server.power is not Power.ON:
            return Inspection(None, facts)
        seen = observation(domain, host.cpu_sets.dedicated)
        nodes = {
            each: snapshot.host.devices[each].node for each in seen.devices & views.sysfs.keys()
        }
        return Inspection(seen, facts, domain.console_log, nodes)

    def _left_behind(self, server: PlacedServer) -> tuple[str, ...]:
        """In what views of the host that a server came from are not as they must be meanwhile."""
        if server.source is None or server.source.host == server.host:
            return ()
        name = server.source.host
        snapshot = self._hosts[name].snapshot()
        facts = unchanged(server.id, server.reserved(name), snapshot.nova, snapshot.host)
        return tuple(f"on {name}: {fact}" for fact in facts)


def _is_free(host: ObservedHost) -> bool | None:
    nova = host.nova()
    held = any(device.instance for device in nova.devices) or nova.instances
    # What a migration has of the host it came from goes after the server is active.
    return None if held or host.holdings() else True
