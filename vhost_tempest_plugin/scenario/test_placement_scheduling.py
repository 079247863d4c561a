# SPDX-License-Identifier: Apache-2.0
"""Devices are chosen in Placement: by class, by trait, and as it has allocated them.

https://docs.openstack.org/nova/latest/admin/pci-passthrough.html, "PCI tracking in Placement".
"""

from collections.abc import Mapping
from contextlib import ExitStack

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE, Deployment, Value
from vhost_tempest_plugin.cloud.deployment.requirement import (
    HardwareRequirement,
    TestEnvironment,
    deployment,
    whole_devices,
)
from vhost_tempest_plugin.nova import device_spec, pci_devices
from vhost_tempest_plugin.nova.device_spec import Entry
from vhost_tempest_plugin.nova.expect import Shortage
from vhost_tempest_plugin.nova.request import CpuPolicy
from vhost_tempest_plugin.scenario.base_config import ALIAS, DEVICE_SPEC
from vhost_tempest_plugin.scenario.base_placement import NEEDED, BasePlacementTest
from vhost_tempest_plugin.scenario.requests.device_classes import DeviceClasses, whole
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

IN_PLACEMENT = "filter_scheduler.pci_in_placement"
NOVA_SCHEDULER = "nova-scheduler"


def contested(layout: Layout) -> tuple[int, int] | None:
    """A node that can lose all its dedicated CPUs and has a device with its trait left then.

    With the number of these CPUs, fewer than which no other node has that can do the same;
    others have such CPUs, too.  None where there is no such node.
    """
    kind = whole([layout])
    if kind is None or len(pci_devices.rows(layout, kind)) < _LEAST:
        return None
    dedicated = pci_devices.cpu_sets(layout).dedicated
    cpus = {node.id: len(node.cpus & dedicated) for node in layout.host.nodes}
    classes = DeviceClasses.of(kind, pci_devices.rows(layout, kind))
    for node, count in sorted(cpus.items(), key=lambda item: -item[1]):
        elsewhere = any(free for other, free in cpus.items() if other != node)
        if count and elsewhere and len(classes.on(node)) > 1:
            return node, count
    return None


def contested_node() -> HardwareRequirement:
    """A host with such a node."""

    def found(environment: TestEnvironment) -> int:
        return sum(contested(layout) is not None for layout in environment.layouts)

    return HardwareRequirement("a host with a node whose CPUs go before its devices", 1, found)


# One with a class of its own, one for one use, and one more.
_LEAST = 3


@requires(deployment(*NEEDED), whole_devices(_LEAST))
class ScheduledTest(BasePlacementTest):
    """``[filter_scheduler] pci_in_placement``, with devices that differ."""

    on_one = True

    @classmethod
    def device_classes(cls) -> DeviceClasses:
        """The devices."""
        (first, *_) = cls.hosts.values()
        kind = cls.whole_kind()
        return DeviceClasses.of(kind, pci_devices.rows(first.layout, kind))

    @classmethod
    def entries(cls) -> tuple[Entry, ...]:
        return cls.device_classes().entries()

    @classmethod
    def options(cls) -> Mapping[str, Value]:
        layouts = [host.layout for host in cls.hosts.values()]
        return {
            DEVICE_SPEC: device_spec.each(cls.entries()),
            ALIAS: (*pci_devices.aliases(layouts), *cls.device_classes().aliases()),
        }

    @classmethod
    def enter(cls, stack: ExitStack, driver: Deployment) -> None:
        super().enter(stack, driver)
        stack.enter_context(driver.configured(NOVA_SCHEDULER, {IN_PLACEMENT: "true"}))

    @decorators.attr(type=["placement"])
    @decorators.idempotent_id("4a072d99-a81c-459d-bb10-fb8584532bda")
    def test_classes_and_traits_are_reported(self) -> None:
        """Nova's test_new_compute_init_with_pci_dev_custom_rc."""
        self.reported()

    @decorators.attr(type=["placement"])
    @decorators.idempotent_id("c8714b06-1ee5-45b7-9ded-143eea3479f5")
    def test_claimed_devices_are_the_allocated_ones(self) -> None:
        """Nova's test_device_claim_consistent_with_placement_allocation.

        Placement has but the last device of each of two nodes to give: Nova by itself would
        take others.  The servers are asked for one after another: of a host, nova-scheduler tries
        one of the candidates, and two at once may try the same.
        """
        classes = self.device_classes()
        last = [some[-1] for node, some in classes.rest if node is not None][-2:]
        with self.reserved(set(classes.plain) - set(last)), self.offering(last):
            servers = [self.place(request(devices=self.nics())) for _ in last]
        found = frozenset[object]().union(*(server.devices for server in servers))
        self.assertEqual(frozenset(last), found)

    @decorators.attr(type=["placement"])
    @decorators.idempotent_id("4bf57890-74c2-4d8a-953b-158a23189858")
    def test_device_of_a_class_and_trait(self) -> None:
        """Nova's test_boot_with_custom_rc_and_traits_succeeds."""
        classes = self.device_classes()
        with self.offering([classes.special]):
            server = self.place(request(devices=classes.special_one()))
            self.refused(server.request, Shortage.DEVICES, Shortage.AFFINITY)
        self.assertEqual({classes.special}, server.devices)

    @decorators.attr(type=["placement"])
    @decorators.idempotent_id("8ce8fd0d-6546-4b4d-9d5f-9c749427526f")
    def test_device_of_another_class_is_left_alone(self) -> None:
        """An alias of ids means the class that Nova makes of them."""
        classes = self.device_classes()
        with self.reserved(classes.plain), self.offering(()):
            self.refused(request(devices=self.nics()), Shortage.DEVICES, Shortage.AFFINITY)
            self.unallocated()

    @decorators.attr(type=["placement"])
    @decorators.idempotent_id("73556485-3b9c-48cf-9e41-aff14856283e")
    def test_device_by_trait(self) -> None:
        """The last node's: Nova by itself would take one of the first."""
        classes = self.device_classes()
        node, devices = classes.rest[-1] if classes.rest[-1][0] is not None else classes.rest[-2]
        with self.offering(devices):
            server = self.place(request(devices=classes.one_of(node)))
        self.assertTrue(server.devices <= set(devices))

    @decorators.attr(type=["placement"])
    @decorators.idempotent_id("add7aeaa-9af7-4d92-9b4c-1b687c044fe5")
    def test_trait_of_no_device_is_refused(self) -> None:
        """Nova's test_boot_with_custom_rc_and_traits_no_matching_device."""
        with self.offering(()):
            asked = request(devices=self.device_classes().one_of_nowhere())
            self.refused(asked, Shortage.DEVICES, Shortage.AFFINITY)
        self.unallocated()

    @decorators.attr(type=["placement", "affinity"])
    @decorators.idempotent_id("dd628b5a-d6e4-4731-b5c3-63dd3bca991b")
    @requires(contested_node())
    def test_trait_and_cpus_on_different_nodes_are_refused(self) -> None:
        """PCIServersWithRequiredNUMATest's placement_conflict; nothing stays allocated."""
        classes, pinned = self.device_classes(), CpuPolicy.DEDICATED
        found = next(f for host in self.hosts.values() if (f := contested(host.layout)))
        node, cpus = found
        with self.offering(classes.on(node)):
            self.place(request(cpus, cpu_policy=pinned, devices=classes.one_of(node)))
            asked = request(cpu_policy=pinned, devices=classes.one_of(node))
            self.refused(asked, Shortage.AFFINITY)
            self.unallocated()

    @decorators.attr(type=["placement", "slow"])
    @decorators.idempotent_id("e60a88ec-8ee5-4613-b933-d2702c2c9a13")
    def test_device_for_one_use(self) -> None:
        """Nova's test_one_time_use_workflow."""
        classes = self.device_classes()
        once, asked = [classes.once], request(devices=classes.one_for_once())
        self.addCleanup(self.release, classes.once)
        with self.offering(once):
            server = self.place(asked)
            self.reported(taken=once)
            server.delete()
            self.reported(taken=once)
        with self.offering(()):
            self.refused(asked, Shortage.DEVICES, Shortage.AFFINITY)
        self.release(classes.once)
        self.reported()
        with self.offering(once):
            self.place(asked)
        self.reported(taken=once)

    @decorators.attr(type=["placement", "slow"])
    @decorators.idempotent_id("21cb9a65-5c07-4c0d-9377-7d1c65564174")
    def test_alias_of_a_class_alone(self) -> None:
        """With pci_in_placement where the documentation wants it: in nova-api and the scheduler."""
        classes = self.device_classes()
        layouts = [host.layout for host in self.hosts.values()]
        aliases = (*pci_devices.aliases(layouts), *classes.aliases(ids=False))
        with (
            self.known_bug(
                "nova-bugs.rst, alias-of-a-class-alone",
                ".*does not have vendor_id and product_id fields set.*",
            ),
            self.configured(NOVA_COMPUTE, {ALIAS: aliases}),
            self.offering([classes.special]),
        ):
            self.place(request(devices=classes.special_one()))

    def release(self, device: PciAddress) -> None:
        """As somebody does who has cleaned it."""
        self.cloud.delete(self.session.asked, self.watch)
        self.session.nothing_is_held()
        self.operator.reserve(self.providers()[device], 0)

    def unallocated(self) -> None:
        """Fail where the last request, which was refused, has anything in Placement."""
        server = self.session.asked[-1]
        for host in self.hosts.values():
            self.assertEqual((), self.cloud.placement.of(server, host.snapshot().tree))
