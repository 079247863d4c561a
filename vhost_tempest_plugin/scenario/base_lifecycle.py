# SPDX-License-Identifier: Apache-2.0
"""The base class of scenarios in which something happens to a server after it was placed."""

from collections.abc import Iterable

from vhost_tempest_plugin.nova.expect import HostCandidate, Placed, example
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import CpuPolicy, Request
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requests.node_capacity import capacities
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

    def occupy(
        self,
        server: Server,
        becoming: Request | None = None,
        *,
        hosts: Iterable[str] | None = None,
    ) -> None:
        """Place a server on each host that *server* may come to, where its own old place is.

        It is on the node that *server* has on its own host, and has all CPUs and devices of
        that node, or as many as *server*: what leaves room for *server*; nothing where the host has
        room for one alone.  On a host without servers, pins and addresses that a move does not
        bring up to date would agree with everything.

        :param becoming: what *server* will ask for there, by default what it has asked for
        :param hosts: where it may come to, by default all but its own
        """
        others = (name for name in self.hosts if name != server.host)
        for name in others if hosts is None else hosts:
            host = self.session.placed.loads()[name]
            for wanted in (self.every_of_a_node(name, server), server.request):
                if leaves_room(host, wanted, becoming or server.request):
                    with self.only_on(name):
                        self.place(wanted)
                    break

    def every_of_a_node(self, name: str, server: Server) -> Request:
        """All dedicated CPUs of a node, and all its devices where the server has any.

        What the server asks for where the host has no such node.
        """
        (node,) = server.nodes
        layout = self.hosts[name].layout
        known = capacities([layout], self.kind)
        capacity = next((each for each in known if each.node == node), None)
        if capacity is None:
            return server.request
        devices = self.nics(capacity.devices) if server.devices and capacity.devices else ()
        return request(max(1, capacity.dedicated), cpu_policy=DEDICATED, devices=devices)


def leaves_room(host: HostCandidate, first: Request, second: Request) -> bool:
    """Whether a host has a place for a request wherever Nova places another one before."""
    expected = host.expects(first)
    return isinstance(expected, Placed) and all(
        isinstance(host.after(first, example(choice)).expects(second), Placed)
        for choice in expected.choices
    )
