# SPDX-License-Identifier: Apache-2.0
"""The base class of scenarios in which the hardware of a compute host changes."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from tempest.lib import exceptions

from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE
from vhost_tempest_plugin.cloud.deployment.requirement import HardwareRequirement, TestEnvironment
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, DeviceType, PciDeviceRow
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.clients.cloud import TWO_AUDITS_S
from vhost_tempest_plugin.scenario.inspection.observed_host import ObservedHost
from vhost_tempest_plugin.scenario.requests.server_requests import by_node, request
from vhost_tempest_plugin.scenario.server import Server
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress


class BaseHardwareTest(ScenarioTest):
    """Unplugs, plugs and moves NICs of one host; use it for faults of hardware."""

    on_one = True

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self._pulled: set[PciAddress] = set()

    @property
    def kind(self) -> DeviceKind:
        """The first kind of NIC that servers can have themselves."""
        return next(each for host in self.hosts.values() for each in whole(host.reader.layout))

    def fullest(self) -> str:
        """The host that is changed."""
        return self.host.reader.name

    @property
    def host(self) -> ObservedHost:
        """The host that is changed."""
        return max(self.hosts.values(), key=lambda host: len(cards(host.reader.layout)))

    def cards_by_node(self) -> dict[int, tuple[PciAddress, ...]]:
        """The NICs of each node that has any now, most of them first."""
        found = by_node(self.host.layout, self.kind)
        near = {node: addresses for node, addresses in found.items() if node is not None}
        return dict(sorted(near.items(), key=lambda item: -len(item[1])))

    def unplug(self, *addresses: PciAddress) -> None:
        """Unplug cards; they are plugged in again when the test ends, if not before."""
        for address in addresses:
            self.addCleanup(self._plug_back, address)
            with self.watch.waiting("the host"):
                self.driver.unplug(self.host.reader.name, address)
        self._expect_hardware()

    def pull(self, server: Server) -> None:
        """Unplug what a running server has; its host goes on having it until the server ends.

        Returns when the kernel has begun to let it go: the first thing that is gone is the link
        to its driver (drivers/base/dd.c, __device_release_driver).
        """
        for address in sorted(server.devices):
            self.addCleanup(self._plug_back, address)
            self._pulled.add(address)
            with self.watch.waiting("the host"):
                self.driver.unplug(self.host.reader.name, address, wait=False)
        # Before they are plugged back, they have to be out.
        self.addCleanup(self.cloud.delete, [server.id], self.watch)

        def begun() -> bool | None:
            seen = self.host.reader.view().devices
            return True if all(seen[each].driver is None for each in server.devices) else None

        self.cloud.until(begun, "the host", self.watch)

    def await_out(self, server: Server) -> None:
        """Wait until what was pulled is out, after its server has ended."""
        for address in server.devices:
            # It may have gone by itself.
            with self.watch.waiting("the host"), suppress(InputError):
                self.driver.unplug(self.host.reader.name, address)
        self._pulled -= server.devices
        self._expect_hardware()

    def runs(self, server: Server) -> bool:
        """Whether libvirt has a server run."""
        domain = self.host.snapshot().host.domains.get(server.id)
        return domain is not None and domain.active

    def plug(self, *addresses: PciAddress) -> None:
        """Plug in again what was unplugged."""
        for address in addresses:
            with self.watch.waiting("the host"):
                self.driver.plug(self.host.reader.name, address)
        self._expect_hardware()

    @contextmanager
    def with_hardware(self, hardware: Layout) -> Iterator[None]:
        """The host boots with other hardware, and with its own afterwards; servers are off."""
        own = self.host.layout
        try:
            with_hardware = self.driver.with_hardware(self.host.reader.name, hardware)
            with self.watch.within("the host", with_hardware):
                self.host.layout = hardware
                yield
        finally:
            self.host.layout = own

    def restart_compute(self) -> None:
        """Have Nova look at the host's devices anew."""
        with self.watch.waiting(NOVA_COMPUTE):
            self.driver.restart(NOVA_COMPUTE, self.host.reader.name)

    def await_accounting(self) -> None:
        """Wait until Nova's table has the devices that there are; fail where it does not come."""
        wanted = pci_devices.expected_devices(self.host.layout)
        with suppress(exceptions.TimeoutException):
            self.cloud.until(
                lambda: self._rows() == wanted or None,
                "Nova's accounting",
                self.watch,
                TWO_AUDITS_S,
            )
        self.assert_accounting()

    def assert_accounting(self) -> None:
        """Fail where Nova's table has other devices than there are."""
        self.assertEqual(pci_devices.expected_devices(self.host.layout), self._rows())

    def fill(self) -> tuple[Server, ...]:
        """Servers that have all cards of all nodes."""
        counts = map(len, self.cards_by_node().values())
        return self.place_in_rounds(request(devices=self.nics(count)) for count in counts)

    def _rows(self) -> tuple[PciDeviceRow, ...]:
        return tuple(device.row for device in self.host.nova().devices)

    def _plug_back(self, address: PciAddress) -> None:
        # It may be out already, and in again where the test came that far.
        if address in self._pulled:
            with suppress(InputError):
                self.driver.unplug(self.host.reader.name, address)
        with suppress(InputError):
            self.driver.plug(self.host.reader.name, address)
        self.host.layout = self.host.reader.layout

    def _expect_hardware(self) -> None:
        """Take what the host sees of its cards for what it has."""
        seen = self.host.reader.view().devices
        own = self.host.reader.layout
        devices = tuple(device for device in own.devices if device.address in seen)
        self.host.layout = replace(own, devices=devices)


def whole(layout: Layout) -> tuple[DeviceKind, ...]:
    """The kinds of NICs that servers can have themselves, not a function of theirs."""
    return tuple(
        kind for kind in pci_devices.tracked([layout]) if kind.dev_type is not DeviceType.VF
    )


def cards(layout: Layout) -> tuple[PciAddress, ...]:
    """The NICs of the first such kind, which can be unplugged alone."""
    return tuple(
        address
        for kind in whole(layout)[:1]
        for addresses in by_node(layout, kind).values()
        for address in addresses
    )


def removable(count: int) -> HardwareRequirement:
    """A NUMA node with that many NICs that can be unplugged."""

    def found(environment: TestEnvironment) -> int:
        counts = (_cards_by_node(layout).values() for layout in environment.layouts)
        return max((most for each in counts for most in each), default=0)

    return HardwareRequirement(f"{count} NICs on one NUMA node, as themselves", count, found)


def removable_nodes(count: int) -> HardwareRequirement:
    """That many NUMA nodes with NICs that can be unplugged."""

    def found(environment: TestEnvironment) -> int:
        return max((len(_cards_by_node(each)) for each in environment.layouts), default=0)

    return HardwareRequirement(f"{count} NUMA nodes with NICs, as themselves", count, found)


def _cards_by_node(layout: Layout) -> dict[int, int]:
    return {
        node: len(addresses)
        for kind in whole(layout)[:1]
        for node, addresses in by_node(layout, kind).items()
        if node is not None
    }
