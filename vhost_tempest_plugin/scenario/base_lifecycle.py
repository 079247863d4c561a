# SPDX-License-Identifier: Apache-2.0
"""The base class of scenarios in which something happens to a server after it was placed."""

from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import CpuPolicy, Request
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requests.server_requests import by_node, request
from vhost_tempest_plugin.scenario.server import Server

DEDICATED = CpuPolicy.DEDICATED


class BaseLifecycleTest(ScenarioTest):
    """Places servers with a pinned CPU and devices; use it to reboot, resize or migrate them."""

    def counts(self) -> list[int]:
        """How many devices each node has that has any, ascending, of all hosts."""
        return sorted(
            len(found)
            for host in self.hosts.values()
            for node, found in by_node(host.layout, self.kind).items()
            if node is not None
        )

    def pinned(self, count: int = 1, *, console: bool = False) -> Server:
        """One with that many devices."""
        return self.place(self.asking(count), console=console)

    def asking(self, count: int) -> Request:
        """Its request; for no device where the count is 0."""
        return request(cpu_policy=DEDICATED, devices=self.nics(count) if count else ())

    def every_device(self) -> Request:
        """All devices of the first kind that one host has; only a host without servers has them."""
        count = max(
            sum(map(len, by_node(host.layout, self.kind).values())) for host in self.hosts.values()
        )
        return request(devices=self.nics(count, NumaPolicy.PREFERRED))
