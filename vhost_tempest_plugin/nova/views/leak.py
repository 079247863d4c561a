# SPDX-License-Identifier: Apache-2.0
"""What is still held by instances that are gone, or on their way."""

from collections.abc import Collection, Iterator, Set

from vhost_tempest_plugin.host.observe.host_view import HostView
from vhost_tempest_plugin.nova.views.disagreement import Disagreement, View
from vhost_tempest_plugin.nova.views.nova import ALLOCATED, AVAILABLE, NovaView
from vhost_tempest_plugin.nova.views.placement import Holding
from vhost_tempest_plugin.topology.pci import PciAddress


def leaks(
    host: HostView,
    nova: NovaView,
    holdings: tuple[Holding, ...],
    before: HostView | None = None,
    ours: Collection[str] | None = None,
) -> tuple[Disagreement, ...]:
    """Who still holds what; none where all is free.

    :param holdings: of every consumer, on any provider of the host
    :param before: the host when nothing was held yet: each device has its driver again
    :param ours: only what these instances hold; anybody's where it is None
    """
    return tuple(
        leak
        for instance, leak in (*_host(host), *_nova(nova), *_placement(holdings))
        if ours is None or instance in ours
    ) + (() if before is None else tuple(_drivers(host, nova, before)))


def unchanged(
    instance: str, devices: Set[PciAddress], nova: NovaView, host: HostView
) -> tuple[Disagreement, ...]:
    """What an instance that waits elsewhere to be confirmed must have kept here, and has not.

    Its devices stay allocated to it, and no process holds them.

    :param devices: those that it had here
    """
    recorded = {device.row.address: device.status for device in nova.of(instance)}
    facts = [
        Disagreement(
            str(address),
            {
                View.NOVA: f"{recorded.get(address, 'not allocated')} for {instance}",
                View.API: "reserved for it" if address in devices else "not reserved for it",
            },
        )
        for address in sorted(devices | recorded.keys())
        if address not in devices or recorded.get(address) != ALLOCATED
    ]
    facts += [
        Disagreement(
            str(device.address), {View.SYSFS: f"held by {holder}", View.API: "held by nobody"}
        )
        for device in host.devices.values()
        if device.address in devices
        for holder in sorted(device.holders)
    ]
    return tuple(facts)


def _host(host: HostView) -> Iterator[tuple[str, Disagreement]]:
    for instance in host.domains:
        yield instance, Disagreement(instance, {View.LIBVIRT: "domain still defined"})
    for device in host.devices.values():
        for holder in sorted(device.holders):
            words = f"vfio group {device.group} is held by {holder}"
            yield holder, Disagreement(str(device.address), {View.SYSFS: words})


def _nova(nova: NovaView) -> Iterator[tuple[str, Disagreement]]:
    for instance in nova.instances:
        yield instance, Disagreement(instance, {View.NOVA: "still on the host"})
    for device in nova.devices:
        if device.status != AVAILABLE or device.instance:
            words = f"{device.status}{f' for {device.instance}' if device.instance else ''}"
            yield device.instance, Disagreement(str(device.row.address), {View.NOVA: words})


def _placement(holdings: tuple[Holding, ...]) -> Iterator[tuple[str, Disagreement]]:
    for holding in holdings:
        amounts = ", ".join(f"{kind} {count}" for kind, count in sorted(holding.resources.items()))
        words = f"{holding.consumer} holds {amounts}"
        yield holding.consumer, Disagreement(holding.provider, {View.PLACEMENT: words})


def _drivers(host: HostView, nova: NovaView, before: HostView) -> Iterator[Disagreement]:
    for device in nova.devices:
        address = device.row.address
        was, now = before.devices.get(address), host.devices.get(address)
        if was is not None and now is None:
            yield Disagreement(str(address), {View.SYSFS: "no such device any more"})
        elif was is not None and now is not None and was.driver != now.driver:
            words = f"driver {now.driver}, was {was.driver}"
            yield Disagreement(str(address), {View.SYSFS: words})
