# SPDX-License-Identifier: Apache-2.0
"""Placement as an operator changes it, and what scenarios that report devices to it share."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

from tempest.lib.common import api_microversion_fixture

from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE, Deployment, Value
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.nova.device_spec import Entry, given
from vhost_tempest_plugin.nova.expect import device_providers
from vhost_tempest_plugin.nova.pci_devices import DeviceKind
from vhost_tempest_plugin.nova.views import Provider, misreported
from vhost_tempest_plugin.nova.views.placement import device_of
from vhost_tempest_plugin.scenario.base_config import BaseConfigTest
from vhost_tempest_plugin.scenario.base_host import PLACEMENT_VERSION
from vhost_tempest_plugin.scenario.inspection.observed_host import ObservedHost
from vhost_tempest_plugin.scenario.requests.device_classes import whole
from vhost_tempest_plugin.topology.pci import PciAddress

REPORT = "pci.report_in_placement"
NEEDED = (DriverCapability.CONFIGURE, DriverCapability.RESTART)

Json = Mapping[str, Any]


class Operator:
    """Somebody who may change what Placement has.

    :param client: tempest's, with microversion 1.36
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def reserve(self, provider: Provider, count: int) -> None:
        """Set how many of a device's functions nobody may have."""
        path = f"/resource_providers/{provider.uuid}/inventories"
        known = self._get(path)
        for kind, inventory in known["inventories"].items():
            generation = {"resource_provider_generation": known["resource_provider_generation"]}
            self._put(f"{path}/{kind}", {**inventory, **generation, "reserved": count})

    def drop(self, consumer: str, providers: Iterable[str]) -> None:
        """Take from a consumer what it has of these providers (uuids)."""
        path = f"/allocations/{consumer}"
        known = dict(self._get(path))
        gone = set(providers)
        left = {
            uuid: {"resources": held["resources"]}
            for uuid, held in known.pop("allocations").items()
            if uuid not in gone
        }
        self._put(path, {**known, "allocations": left})

    def delete(self, provider: str) -> None:
        """Delete a provider and all that anybody has of it."""
        path = f"/resource_providers/{provider}"
        for consumer in self._get(f"{path}/allocations")["allocations"]:
            self.drop(consumer, (provider,))
        response, _ = self._client.delete(path)
        self._client.expected_success(204, response.status)

    def _get(self, path: str) -> Json:
        response, body = self._client.get(path)
        self._client.expected_success(200, response.status)
        answer: Json = json.loads(body)
        return answer

    def _put(self, path: str, content: Json) -> None:
        response, _ = self._client.put(path, json.dumps(content))
        self._client.expected_success([200, 204], response.status)


@contextmanager
def reporting(
    driver: Deployment,
    hosts: Mapping[str, ObservedHost],
    operator: Operator,
    options: Mapping[str, Value],
) -> Iterator[None]:
    """Have devices reported in Placement while the block runs.

    Nova does not start without reporting where it has reported once
    (nova/compute/pci_placement_translator.py, ``ensure_tracking_was_not_enabled_before``).  So
    the providers are deleted in the end, while nova-compute is stopped; it starts without them.

    :param options: more options of nova-compute
    """
    with driver.configured(NOVA_COMPUTE, {REPORT: "true", **options}):
        try:
            yield
        finally:
            driver.stop(NOVA_COMPUTE)
            for host in hosts.values():
                for provider in host.providers():
                    if device_of(provider.name):
                        operator.delete(provider.uuid)


class BasePlacementTest(BaseConfigTest):
    """Has devices reported in Placement for the whole class; use it for tests of providers."""

    operator: ClassVar[Operator]

    @classmethod
    def resource_setup(cls) -> None:
        super().resource_setup()
        cls.operator = Operator(cls.os_admin.placement_client)
        driver = cls.site.deployment
        if driver is None or not driver.capabilities.issuperset(NEEDED):
            # Each test says for itself what it needs, and is skipped.
            return
        with _version(), ExitStack() as stack:
            cls.enter(stack, driver)
            cls.addClassResourceCleanup(_close, stack.pop_all())

    @classmethod
    def enter(cls, stack: ExitStack, driver: Deployment) -> None:
        """Change the deployment for the tests of the class."""
        stack.enter_context(reporting(driver, cls.hosts, cls.operator, cls.options()))

    @classmethod
    def whole_kind(cls) -> DeviceKind:
        """The first kind of device that has a provider for each."""
        kind = whole(host.layout for host in cls.hosts.values())
        if kind is None:
            raise VhostError(
                "the hosts have no such devices", hint="a test did not say what it needs"
            )
        return kind

    @property
    def kind(self) -> DeviceKind:
        return self.whole_kind()

    @classmethod
    def options(cls) -> Mapping[str, Value]:
        """More options of nova-compute."""
        return {}

    @classmethod
    def entries(cls) -> tuple[Entry, ...]:
        """Its ``device_spec``."""
        layouts = [host.layout for host in cls.hosts.values()]
        return tuple(dict.fromkeys(entry for layout in layouts for entry in given(layout)))

    def providers(self) -> Mapping[PciAddress, Provider]:
        """The devices' providers; of several hosts with the same devices the last one's."""
        return {
            device: provider
            for host in self.hosts.values()
            for provider in host.providers()
            if (device := device_of(provider.name)) is not None
        }

    def reported(
        self, entries: Iterable[Entry] | None = None, taken: Iterable[PciAddress] = ()
    ) -> None:
        """Fail where Placement has anything else of the devices than it must.

        :param entries: the ``device_spec``, by default that of the class
        :param taken: devices of one use that a server has or has had
        """
        known, used = self.entries() if entries is None else tuple(entries), frozenset(taken)
        facts = [
            f"{name}: {fact}"
            for name, host in self.hosts.items()
            for fact in misreported(device_providers(host.layout, known, used), host.providers())
        ]
        self.session.require(facts)

    @contextmanager
    def reserved(self, devices: Iterable[PciAddress]) -> Iterator[None]:
        """Nobody may have these devices while the block runs."""
        providers = self.providers()
        some = [providers[device] for device in devices]
        try:
            for provider in some:
                self.operator.reserve(provider, 1)
            yield
        finally:
            for provider in some:
                self.operator.reserve(provider, 0)


def _close(stack: ExitStack) -> None:
    """Tests' own versions are gone by then."""
    with _version():
        stack.close()


def _version() -> Any:
    return api_microversion_fixture.APIMicroversionFixture(placement_microversion=PLACEMENT_VERSION)
