# SPDX-License-Identifier: Apache-2.0
"""Servers of one NUMA node and their devices are as near to each other as a policy says.

nova/virt/hardware.py and nova/pci/stats.py: the PCI NUMA affinity policies.
"""

from collections.abc import Iterator

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.requirement import (
    dedicated_cpus,
    devices,
    local_devices,
    off_node_devices,
)
from vhost_tempest_plugin.nova.expect import Conflict, Shortage
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import CpuPolicy, ImageRequest
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requests.load_plans import out_of_reach, reach_matters
from vhost_tempest_plugin.scenario.requests.server_requests import by_node, request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.topology.pci import PciAddress

DEDICATED = CpuPolicy.DEDICATED
# The policies whose outcome depends on more than nodes: on devices of no node, and on sockets.
BETWEEN = (NumaPolicy.LEGACY, NumaPolicy.SOCKET)


class AffinityTest(ScenarioTest):
    """Counts the devices."""

    def near(self) -> list[int]:
        """How many devices each NUMA node has that has any."""
        return [len(found) for node, found in self._by_node() if node is not None]

    def off(self) -> int:
        """How many devices are on no node."""
        return sum(len(found) for node, found in self._by_node() if node is None)

    def _by_node(self) -> Iterator[tuple[int | None, tuple[PciAddress, ...]]]:
        for host in self.hosts.values():
            yield from by_node(host.layout, self.kind).items()


class RequiredTest(AffinityTest):
    """The policy of the plain alias: ``required``."""

    @decorators.attr(type=["smoke", "affinity"])
    @decorators.idempotent_id("2f4c1d53-6c0e-4f36-8b55-0f6f3a5d9b01")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_pinned_guest_is_on_the_node_of_its_device(self) -> None:
        """Nova's test_create_server_with_pci_dev_and_numa."""
        self.place(request(cpu_policy=DEDICATED, devices=self.nics()))

    @decorators.attr(type=["smoke", "affinity"])
    @decorators.idempotent_id("9c7f20e0-15c6-44c0-8f4e-3c0f0d2f7a02")
    @requires(local_devices(1))
    def test_more_devices_than_any_node_has_are_refused(self) -> None:
        self.refused(
            request(devices=self.nics(max(self.near()) + 1)), Shortage.AFFINITY, Shortage.DEVICES
        )

    @decorators.attr(type=["affinity"])
    @decorators.idempotent_id("c2a5f7de-0d0f-4c7b-9f41-7f0b1a5f6c03")
    @requires(local_devices(2))
    def test_guest_has_all_devices_of_a_node(self) -> None:
        self.place(request(devices=self.nics(max(self.near()))), console=True)

    @decorators.attr(type=["smoke", "affinity"])
    @decorators.idempotent_id("51d8a3c9-3f0b-4be0-8a8f-3b1f7f0e2d04")
    @requires(devices(2))
    def test_devices_run_out_and_come_back(self) -> None:
        servers = self.place_in_rounds(request(devices=self.nics(n)) for n in self.near())
        self.refused(request(devices=self.nics()), Shortage.DEVICES, Shortage.AFFINITY)
        servers[0].delete()
        again = self.place(servers[0].request)
        self.assertEqual(servers[0].devices, again.devices)


class PolicyTest(AffinityTest):
    """What each policy makes of a device that no node with enough CPUs has."""

    @decorators.attr(type=["smoke", "affinity"])
    @decorators.idempotent_id("7be0c2f4-9f0c-4d6d-b0c6-0b4f9f5c1e05")
    @requires(reach_matters())
    def test_near_devices_out_of_reach_by_alias(self) -> None:
        """Nova's test_create_server_with_pci_dev_and_numa_fails, for all policies."""
        self.bring_out_of_reach()
        self.refused(request(cpu_policy=DEDICATED, devices=self.nics()), Shortage.AFFINITY)
        for policy in BETWEEN:
            self.attempt(request(cpu_policy=DEDICATED, devices=self.nics(1, policy)))
        self.place(request(cpu_policy=DEDICATED, devices=self.nics(1, NumaPolicy.PREFERRED)))

    @decorators.attr(type=["affinity", "slow"])
    @decorators.idempotent_id("0f3b9f7e-5d2a-4f8e-9a63-6c1d2b7a8f06")
    @requires(reach_matters())
    def test_near_devices_out_of_reach_by_flavor(self) -> None:
        """The flavor's policy goes before the alias's."""
        self.bring_out_of_reach()
        devices = self.nics(1, NumaPolicy.PREFERRED)
        strict = request(cpu_policy=DEDICATED, devices=devices, pci_policy=NumaPolicy.REQUIRED)
        self.refused(strict, Shortage.AFFINITY)
        for policy in BETWEEN:
            self.attempt(request(cpu_policy=DEDICATED, devices=devices, pci_policy=policy))
        loose = NumaPolicy.PREFERRED
        self.place(request(cpu_policy=DEDICATED, devices=self.nics(), pci_policy=loose))

    @decorators.attr(type=["affinity", "slow"])
    @decorators.idempotent_id("b9d6a4c1-2e7f-4a0b-8c55-9d3e0f6b1a07")
    @requires(reach_matters())
    def test_near_devices_out_of_reach_by_image(self) -> None:
        """The image's policy goes before the alias's, too."""
        self.bring_out_of_reach()
        devices, image = (
            self.nics(1, NumaPolicy.PREFERRED),
            ImageRequest(pci_policy=NumaPolicy.REQUIRED),
        )
        self.refused(request(cpu_policy=DEDICATED, devices=devices, image=image), Shortage.AFFINITY)
        image = ImageRequest(pci_policy=NumaPolicy.PREFERRED)
        self.place(request(cpu_policy=DEDICATED, devices=self.nics(), image=image))

    @decorators.attr(type=["smoke", "affinity"])
    @decorators.idempotent_id("e3c8b5a0-7d1f-4e2c-9b64-1a0f5d8c2b08")
    @requires(local_devices(1))
    def test_flavor_against_image_is_refused(self) -> None:
        for flavor in NumaPolicy:
            for image in NumaPolicy:
                if image is not flavor:
                    asked = request(
                        devices=self.nics(),
                        pci_policy=flavor,
                        image=ImageRequest(pci_policy=image),
                    )
                    rejection = self.refused(asked, Conflict.PCI_POLICIES)
                    self.assertIn("hw_pci_numa_affinity_policy", rejection.message)

    @decorators.attr(type=["affinity"])
    @decorators.idempotent_id("4a7d0c9e-8b3f-4f1a-a2d7-5e6c9b0f3d09")
    @requires(local_devices(1))
    def test_flavor_and_image_of_one_mind(self) -> None:
        for policy in (NumaPolicy.REQUIRED, NumaPolicy.PREFERRED):
            image = ImageRequest(pci_policy=policy)
            self.place(request(devices=self.nics(), pci_policy=policy, image=image))

    def bring_out_of_reach(self) -> None:
        """The load from which the policies differ, on a host that can have it."""
        plans = {name: out_of_reach(host.layout, self.kind) for name, host in self.hosts.items()}
        name, plan = next((name, plan) for name, plan in plans.items() if plan is not None)
        self.stay_on(name)
        for together in plan:
            self.place_all(*together)


class FarDeviceTest(AffinityTest):
    """Devices on no node."""

    @decorators.attr(type=["affinity"])
    @decorators.idempotent_id("d1f0e7b2-6c5a-4d3e-8f90-2b7a1c4d5e10")
    @requires(off_node_devices(1), local_devices(1))
    def test_device_on_no_node(self) -> None:
        """One with no NUMA information is near to none, but legacy takes it nevertheless."""
        near, off = max(self.near()), self.off()
        self.refused(request(devices=self.nics(near + off)), Shortage.AFFINITY)
        server = self.place(request(devices=self.nics(near + off, NumaPolicy.LEGACY)))
        server.delete()
        self.place(request(devices=self.nics(near + off, NumaPolicy.PREFERRED)))
