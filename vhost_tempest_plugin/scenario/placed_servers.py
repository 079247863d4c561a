# SPDX-License-Identifier: Apache-2.0
"""The servers that a test has placed so far, and the load of its hosts that follows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vhost_tempest_plugin.nova.expect import HostLoads, Limits
from vhost_tempest_plugin.nova.views import Power
from vhost_tempest_plugin.scenario.inspection.observed_host import ObservedHost
from vhost_tempest_plugin.scenario.placed_server import Claim, PlacedServer
from vhost_tempest_plugin.topology.pci import PciAddress


class PlacedServers:
    """What a test has placed so far, and on which hosts.

    :param hosts: the compute hosts by name
    :param limits: what Nova may promise of them; a test that changes the options changes it
    """

    def __init__(self, hosts: Mapping[str, ObservedHost], limits: Limits) -> None:
        self.hosts = hosts
        self.limits = limits
        # The only host that Nova may choose; None for any.
        self.only: str | None = None
        # Devices that the options of Nova do not offer.
        self.unavailable: frozenset[PciAddress] = frozenset()
        self._known: dict[str, PlacedServer] = {}
        self._hosted: list[str] = []

    @property
    def hosted(self) -> tuple[PlacedServer, ...]:
        """The servers that have a host, in the order in which they came to it."""
        return tuple(self._known[server] for server in self._hosted)

    def of(self, server: str) -> PlacedServer:
        """What is known of a server (uuid) that was placed; its last state where it has gone."""
        return self._known[server]

    def loads(self, *, without: str | None = None) -> HostLoads:
        """The hosts that Nova may choose, with the load of this test's servers.

        :param without: a host that is left out
        """
        loads = {
            name: host.candidate(self.limits)
            for name, host in self.hosts.items()
            if self.only in (None, name)
        }
        for server in self.hosted:
            for claim in (server.claim, server.source):
                if claim is not None and claim.host in loads:
                    loads[claim.host] = loads[claim.host].after(claim.request, claim.seen)
        return {
            name: replace(
                host, load=replace(host.load, devices=host.load.devices | self.unavailable)
            )
            for name, host in loads.items()
            if name != without
        }

    def add(self, server: str, claim: Claim, *, console: bool) -> None:
        """Note that a server (uuid) was placed.

        :param console: it boots a system that reports on its console
        """
        self._known[server] = PlacedServer(len(self._known), server, claim, console)
        self._hosted.append(server)

    def update(self, server: str, **changes: Any) -> PlacedServer:
        """Note what the test itself has changed: fields of ``PlacedServer``."""
        self._known[server] = replace(self._known[server], **changes)
        return self._known[server]

    def forget(self, server: str) -> None:
        """Note that a server has no host any more."""
        self._hosted.remove(server)

    def arrived(self, server: str, claim: Claim) -> None:
        """Note that a server without a host has one again, and runs."""
        self.update(server, claim=claim, power=Power.ON)
        self._hosted.append(server)
