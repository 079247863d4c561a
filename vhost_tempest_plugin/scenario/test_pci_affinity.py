# SPDX-License-Identifier: Apache-2.0
"""Guests and their NICs are as near to each other as a policy says, or are not placed at all."""

from tempest.lib import decorators

from vhost_tempest_plugin.expect import Lack
from vhost_tempest_plugin.need import local_devices
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.needs import needs
from vhost_tempest_plugin.scenario.wishes import by_node, request


class PciAffinityTest(ScenarioTest):
    """The policy ``required``: nova/virt/hardware.py, PCI NUMA affinity policies."""

    @decorators.attr(type=["smoke", "affinity"])
    @decorators.idempotent_id("2f4c1d53-6c0e-4f36-8b55-0f6f3a5d9b01")
    @needs(local_devices(1))
    def test_guest_is_on_the_node_of_its_device(self) -> None:
        self.place(request(devices=self.nics()))

    @decorators.attr(type=["smoke", "affinity"])
    @decorators.idempotent_id("9c7f20e0-15c6-44c0-8f4e-3c0f0d2f7a02")
    @needs(local_devices(1))
    def test_more_devices_than_any_node_has_are_refused(self) -> None:
        most = max(
            len(devices)
            for host in self.hosts.values()
            for node, devices in by_node(host.layout, self.kind).items()
            if node is not None
        )
        self.refused(request(devices=self.nics(most + 1)), Lack.AFFINITY, Lack.DEVICES)
