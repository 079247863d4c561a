# SPDX-License-Identifier: Apache-2.0
"""The base class of scenarios that change options of Nova."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE, StartError, Value
from vhost_tempest_plugin.nova import device_spec, pci_devices
from vhost_tempest_plugin.nova.device_spec import AddressPattern, Entry
from vhost_tempest_plugin.nova.pci_devices import PciDeviceRow
from vhost_tempest_plugin.nova.views.nova import AVAILABLE
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.server import Server
from vhost_tempest_plugin.topology.pci import PciAddress

DEVICE_SPEC = "pci.device_spec"
ALIAS = "pci.alias"
# How often nova-compute goes over a host's accounts, in seconds; it does once when it starts.
AUDIT_INTERVAL = "DEFAULT.update_resources_interval"
NEVER = str(24 * 60 * 60)


class BaseConfigTest(ScenarioTest):
    """Changes options of Nova's services and puts them back; use it with ``configured``."""

    @property
    def rows(self) -> tuple[PciDeviceRow, ...]:
        """The devices of the hosts; hosts with the same ones have them in common."""
        layouts = (host.layout for host in self.hosts.values())
        return tuple(
            sorted({row for each in layouts for row in pci_devices.expected_devices(each)})
        )

    @property
    def kind_rows(self) -> tuple[PciDeviceRow, ...]:
        """Those of the first kind."""
        layouts = (host.layout for host in self.hosts.values())
        return tuple(sorted({row for each in layouts for row in pci_devices.rows(each, self.kind)}))

    @contextmanager
    def offering(self, devices: Iterable[PciAddress]) -> Iterator[None]:
        """What is asked for in the block can be had from these devices only."""
        before, offered = self.session.placed.unavailable, frozenset(devices)
        self.session.placed.unavailable = frozenset(row.address for row in self.rows) - offered
        try:
            yield
        finally:
            self.session.placed.unavailable = before

    @contextmanager
    def configured(self, service: str, options: Mapping[str, Value]) -> Iterator[None]:
        """Options of a service while the block runs (``deployment.Deployment.configured``).

        Servers that were asked for in the block are deleted before the options are put back if
        it fails: other options could not run them.
        """
        asked = self.session.asked
        before = len(asked)
        configured = self.driver.configured(service, options)
        with self.watch.within("options", configured), ExitStack() as failed:
            failed.callback(lambda: self.cloud.delete(asked[before:], self.watch))
            yield
            failed.pop_all()

    @contextmanager
    def device_spec(
        self, *options: str, entries: Iterable[Entry], kept: Iterable[PciDeviceRow] = ()
    ) -> Iterator[None]:
        """Have nova-compute track what entries mean; it must, and all again after the block.

        :param options: how the option is written, by default once for each entry
        :param kept: what it must have beside that, because servers have it still
        """
        known = tuple(entries)
        tracked = frozenset(device_spec.tracked(self.rows, known))
        written = options or device_spec.each(known)
        with (
            self.configured(NOVA_COMPUTE, {DEVICE_SPEC: written}),
            self.offering(row.address for row in tracked),
        ):
            self.tracks(tracked | frozenset(kept))
            yield
        self.tracks(self.rows)

    @contextmanager
    def without(self, row: PciDeviceRow) -> Iterator[None]:
        """A device that a server has is no longer in the option; Nova keeps it nevertheless."""
        with self.device_spec(entries=self.entries_without(row), kept=[row]):
            yield

    def entries_without(self, row: PciDeviceRow) -> tuple[Entry, ...]:
        """A ``device_spec`` of all devices but one of the first kind."""
        layouts = [host.layout for host in self.hosts.values()]
        known = dict.fromkeys(entry for each in layouts for entry in device_spec.given(each))
        others = (e for e in known if not any(e.matches(row) for row in self.kind_rows))
        own = (self.entry(str(each.address)) for each in self.kind_rows if each != row)
        return (*own, *others)

    def entry(
        self, address: str | AddressPattern | None = None, *, managed: bool | None = None
    ) -> Entry:
        """One of the ids of the first kind of device."""
        vendor, product = f"{self.kind.id.vendor:04x}", f"{self.kind.id.product:04x}"
        return Entry(vendor, product, address, managed=managed)

    def rows_of(self, server: Server) -> tuple[PciDeviceRow, ...]:
        """A server's devices."""
        return tuple(row for row in self.rows if row.address in server.devices)

    def gone(self, row: PciDeviceRow) -> None:
        """Wait until Nova has a device no more; meanwhile nobody may have it."""

        def absent() -> bool | None:
            for name, host in self.hosts.items():
                for device in host.nova().devices:
                    if device.row.address == row.address:
                        self.assertNotEqual(AVAILABLE, device.status, name)
                        return None
            return True

        self.cloud.until(absent, "the end of the device", self.watch)

    def tracks(self, rows: Iterable[PciDeviceRow]) -> None:
        """Fail where Nova has other devices than these of any host, as far as the host has them."""
        wanted = frozenset(rows)
        for name, host in self.hosts.items():
            own = wanted & frozenset(pci_devices.expected_devices(host.layout))
            seen = {device.row for device in host.nova().devices}
            self.assertEqual(
                sorted(map(str, (row.address for row in own))),
                sorted(map(str, (row.address for row in seen))),
                f"devices that Nova has of {name}",
            )
            self.assertEqual(own, seen, name)

    def start_refused(self, service: str, options: Mapping[str, Value], *words: str) -> None:
        """Options with which a service must not start; it says why.

        :param words: what its log must have, all of them
        """
        configured = self.driver.configured(service, options)
        try:
            with self.watch.within("options", configured):
                self.fail(f"{service} starts with {dict(options)}")
        except StartError as error:
            said = _said(error)
        for word in words:
            self.assertIn(word, said)


def _said(error: StartError) -> str:
    """What a service has printed."""
    return "\n".join((str(error), *error.lines))
