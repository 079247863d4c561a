# SPDX-License-Identifier: Apache-2.0
"""Devices of one kind that are reported to Placement in different ways."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.device_spec import Entry
from vhost_tempest_plugin.nova.pci_devices import DeviceKind, DeviceType, NumaPolicy, PciDeviceRow
from vhost_tempest_plugin.nova.request import DeviceRequest
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

_CLASS = "vhost.special"
_ONCE_CLASS = "CUSTOM_VHOST_ONCE"
_TRAIT = "vhost-special"
_NOWHERE = "CUSTOM_VHOST_NOWHERE"


def whole(layouts: Iterable[Layout]) -> DeviceKind | None:
    """The first kind of device that has a provider for each; None where there are virtual ones.

    Virtual functions have the provider of their physical one in common.
    """
    kinds = pci_devices.tracked(layouts)
    return next((kind for kind in kinds if kind.dev_type is not DeviceType.VF), None)


@dataclass(frozen=True, slots=True)
class DeviceClasses:
    """A device with a class and a trait of its own, one for one use, and the rest.

    The rest have a trait that names their node.  The others are taken from where most are left.

    :param special: the first of the two
    :param once: the other
    :param rest: by node, None for those on no node
    """

    kind: DeviceKind
    special: PciAddress
    once: PciAddress
    rest: tuple[tuple[int | None, tuple[PciAddress, ...]], ...]

    @classmethod
    def of(cls, kind: DeviceKind, rows: Iterable[PciDeviceRow]) -> "DeviceClasses":
        """Sort devices out.

        :param rows: the hosts' devices of that kind, three or more of them
        """
        nodes: dict[int | None, list[PciAddress]] = {}
        for row in sorted(rows):
            nodes.setdefault(row.numa_node, []).append(row.address)
        special, once = (max(nodes.values(), key=len).pop() for _ in range(2))
        rest = tuple((node, tuple(some)) for node, some in nodes.items() if some)
        return cls(kind, special, once, rest)

    @property
    def plain(self) -> tuple[PciAddress, ...]:
        """The rest, of all nodes."""
        return tuple(address for _, some in self.rest for address in some)

    def on(self, node: int | None) -> tuple[PciAddress, ...]:
        """The rest's of a node."""
        return dict(self.rest).get(node, ())

    def entries(self) -> tuple[Entry, ...]:
        """The ``device_spec``."""
        return (
            self._entry(self.special, resource_class=_CLASS, traits=(_TRAIT,)),
            self._entry(self.once, resource_class=_ONCE_CLASS, one_time_use=True),
            *(
                self._entry(address, traits=(_trait(node),))
                for node, some in self.rest
                for address in some
            ),
        )

    def aliases(self, *, ids: bool = True) -> tuple[str, ...]:
        """More of ``[pci] alias``, with the policy ``required``.

        :param ids: say those of the devices also where a class is said, which is enough by the
            documentation, and is not for nova-compute
        """
        own = {
            "vendor_id": f"{self.kind.id.vendor:04x}",
            "product_id": f"{self.kind.id.product:04x}",
        }
        beside = own if ids else {}
        words = {
            self._special: {**beside, "resource_class": _CLASS, "traits": _TRAIT},
            self._once: {**beside, "resource_class": _ONCE_CLASS},
            self._nowhere: {**own, "traits": _NOWHERE},
            **{self._on(node): {**own, "traits": _trait(node)} for node, _ in self.rest},
        }
        common = {
            "device_type": self.kind.dev_type.value,
            "numa_policy": NumaPolicy.REQUIRED.value,
        }
        return tuple(json.dumps({"name": name, **common, **some}) for name, some in words.items())

    def special_one(self) -> tuple[DeviceRequest, ...]:
        """By its class and trait."""
        return self._request(self._special)

    def one_for_once(self) -> tuple[DeviceRequest, ...]:
        """By its class."""
        return self._request(self._once)

    def one_of_nowhere(self) -> tuple[DeviceRequest, ...]:
        """By a trait that no device has."""
        return self._request(self._nowhere)

    def one_of(self, node: int | None) -> tuple[DeviceRequest, ...]:
        """By the trait that names the node."""
        return self._request(self._on(node))

    @property
    def _special(self) -> str:
        return f"{self.kind.name}-special"

    @property
    def _once(self) -> str:
        return f"{self.kind.name}-once"

    @property
    def _nowhere(self) -> str:
        return f"{self.kind.name}-nowhere"

    def _on(self, node: int | None) -> str:
        return f"{self.kind.name}-node-{'none' if node is None else node}"

    def _request(self, alias: str) -> tuple[DeviceRequest, ...]:
        return (DeviceRequest(self.kind, 1, NumaPolicy.REQUIRED, alias),)

    def _entry(
        self,
        address: PciAddress,
        resource_class: str | None = None,
        traits: tuple[str, ...] = (),
        *,
        one_time_use: bool = False,
    ) -> Entry:
        return Entry(
            vendor_id=f"{self.kind.id.vendor:04x}",
            product_id=f"{self.kind.id.product:04x}",
            address=str(address),
            resource_class=resource_class,
            traits=traits,
            one_time_use=one_time_use,
        )


def _trait(node: int | None) -> str:
    return f"CUSTOM_VHOST_NODE_{'NONE' if node is None else node}"
