# SPDX-License-Identifier: Apache-2.0
"""More than eight devices of a host in Placement.

https://docs.openstack.org/nova/latest/admin/pci-passthrough.html warns of it: in the number of
devices the ways to allocate them grow without end, so Placement's options limit them, and those
that it offers need not be those that the nodes allow.
https://bugs.launchpad.net/nova/+bug/2070257, https://bugs.launchpad.net/nova/+bug/2126751
"""

from contextlib import ExitStack

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.driver import Deployment
from vhost_tempest_plugin.cloud.deployment.requirement import deployment, whole_devices
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import Shortage
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.scenario.base_placement import NEEDED, BasePlacementTest
from vhost_tempest_plugin.scenario.requests.node_capacity import capacities
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.test_placement_scheduling import IN_PLACEMENT, NOVA_SCHEDULER

EIGHT = 8


@requires(deployment(*NEEDED), whole_devices(EIGHT + 1))
class WideTest(BasePlacementTest):
    """``[filter_scheduler] pci_in_placement`` where there are many devices of one kind."""

    @classmethod
    def enter(cls, stack: ExitStack, driver: Deployment) -> None:
        super().enter(stack, driver)
        stack.enter_context(driver.configured(NOVA_SCHEDULER, {IN_PLACEMENT: "true"}))

    @decorators.attr(type=["many", "placement"])
    @decorators.idempotent_id("d5b0e7f2-8c1a-4369-9e4b-c7f3a6d2b095")
    def test_all_devices_of_each_node(self) -> None:
        """Servers that only a few of all ways to allocate their devices will do for.

        The devices of the last are among the last that Placement comes to.
        """
        layouts = [host.layout for host in self.hosts.values()]
        counts = sorted((node.devices for node in capacities(layouts, self.kind)), reverse=True)
        for count in counts:
            if count:
                self.place(request(devices=self.nics(count)))
        self.refused(request(devices=self.nics()), Shortage.DEVICES, Shortage.AFFINITY)

    @decorators.attr(type=["many", "placement"])
    @decorators.idempotent_id("62a9c4f8-0e7d-4b15-8f6c-d1e5b3a7f096")
    def test_more_than_eight_devices_for_one_guest(self) -> None:
        self.place(self.wide(EIGHT + 1))

    @decorators.attr(type=["many", "placement"])
    @decorators.idempotent_id("a8f3d6b1-7c2e-4094-b5d8-0f9e4c1a6b97")
    def test_more_devices_than_there_are(self) -> None:
        """Placement finds no way, and finds that out in time."""
        every = max(len(pci_devices.rows(host.layout, self.kind)) for host in self.hosts.values())
        self.refused(self.wide(every + 1), Shortage.DEVICES)

    def wide(self, count: int) -> Request:
        """A server with that many devices from anywhere."""
        return request(devices=self.nics(count, NumaPolicy.PREFERRED))
