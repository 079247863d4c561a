# SPDX-License-Identifier: Apache-2.0
"""The restricted network of a NIC that is plugged into a running host.

libvirt applies ``qemu:override`` to no such NIC, and plugs in none on a network that it has no word
for.  So it connects the NIC to an unrestricted network, which QEMU's redirectors
(``filter-redirector``) take out of the way: what the NIC sends goes to a restricted network, and
what that answers goes to the NIC.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vhost_tempest_plugin.topology.layout import Device

# A command of QEMU's machine protocol with its arguments (QEMU, docs/interop/qemu-qmp-ref).
Command = tuple[str, Mapping[str, Any]]

_WAYS = ("out", "back")


@dataclass(frozen=True, slots=True)
class PluggedNetwork:
    """The network of the NIC in one slot.

    :param slot: the controller that the NIC is behind; QEMU's names contain it
    :param domain: whose QEMU it is; the names of its sockets are the machine's
    """

    slot: int
    domain: UUID

    @classmethod
    def of(cls, device: Device, domain: UUID) -> "PluggedNetwork":
        """That of *device*."""
        return cls(device.parent, domain)

    @property
    def name(self) -> str:
        """What QEMU calls it."""
        return f"plugged{self.slot}"

    def removal(self) -> Iterator[Command]:
        """Take away what an earlier one left; QEMU refuses what is not there."""
        for way in _WAYS:
            for end in ("near", "far"):
                yield "object-del", {"id": f"{self.name}-{way}-{end}-filter"}
        for way in _WAYS:
            for end in ("near", "far"):
                yield "chardev-remove", {"id": f"{self.name}-{way}-{end}"}
        yield "netdev_del", {"id": f"{self.name}-port"}
        yield "netdev_del", {"id": self.name}

    def creation(self) -> Iterator[Command]:
        """Make it, connected to nothing."""
        yield "netdev_add", {"id": self.name, "type": "user", "restrict": True}
        # A network that nothing is connected to passes nothing on.
        port = {"type": "hubport", "hubid": self.slot, "netdev": self.name}
        yield "netdev_add", {"id": f"{self.name}-port", **port}
        for way in _WAYS:
            yield self._socket(way, "far", server=True)
            yield self._socket(way, "near", server=False)
        yield self._filter("out", "far", self.name, queue="rx", indev=f"{self.name}-out-far")
        yield self._filter("back", "far", self.name, queue="tx", outdev=f"{self.name}-back-far")

    def connection(self, netdev: str) -> Iterator[Command]:
        """Put it in the place of *netdev*, which the NIC is connected to."""
        yield self._filter("out", "near", netdev, queue="rx", outdev=f"{self.name}-out-near")
        yield self._filter("back", "near", netdev, queue="tx", indev=f"{self.name}-back-near")

    def _socket(self, way: str, end: str, *, server: bool) -> Command:
        name = f"vhost-{self.domain}-{self.name}-{way}"
        address = {"type": "unix", "data": {"path": name, "abstract": True}}
        role = {"server": True, "wait": False} if server else {"server": False}
        backend = {"type": "socket", "data": {"addr": address, **role}}
        return "chardev-add", {"id": f"{self.name}-{way}-{end}", "backend": backend}

    def _filter(self, way: str, end: str, netdev: str, **ends: str) -> Command:
        kind = {"qom-type": "filter-redirector", "id": f"{self.name}-{way}-{end}-filter"}
        return "object-add", {**kind, "netdev": netdev, **ends}
