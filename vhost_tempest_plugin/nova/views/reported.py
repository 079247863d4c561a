# SPDX-License-Identifier: Apache-2.0
"""Whether Placement has of a host's devices what it must."""

from collections.abc import Iterable, Iterator, Mapping

from vhost_tempest_plugin.nova.expect import DeviceProvider
from vhost_tempest_plugin.nova.views.placement import Provider, device_of
from vhost_tempest_plugin.topology.pci import PciAddress


def misreported(
    expected: Iterable[DeviceProvider], providers: Iterable[Provider]
) -> tuple[str, ...]:
    """In what the providers of devices differ from what they must be; none where they do not.

    :param providers: all of a host, its own included
    """
    seen = tuple(providers)
    return tuple(_facts({each.device: each for each in expected}, seen))


def _facts(
    expected: Mapping[PciAddress, DeviceProvider], seen: tuple[Provider, ...]
) -> Iterator[str]:
    roots = [provider for provider in seen if provider.parent is None]
    found = {device: p for p in seen if (device := device_of(p.name)) is not None}
    for device in sorted(expected.keys() - found.keys()):
        yield f"{device}: Placement has no provider of it"
    for device in sorted(found.keys() - expected.keys()):
        yield f"{device}: Placement has {found[device].name}, and must not"
    for device, provider in sorted(found.items()):
        must = expected.get(device)
        if must is None:
            continue
        (root,) = roots
        inventory = {kind: (has.total, has.reserved) for kind, has in provider.inventories.items()}
        for what, wanted, has in (
            ("name", must.name(root.name), provider.name),
            ("parent", root.uuid, provider.parent),
            (
                "inventory (total, reserved)",
                {must.resource_class: (must.total, must.reserved)},
                inventory,
            ),
            ("traits", sorted(must.traits), sorted(provider.traits)),
        ):
            if wanted != has:
                yield f"{device}: {what} is {has}, must be {wanted}"
