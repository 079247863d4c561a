# SPDX-License-Identifier: Apache-2.0
"""What a test knows of a server that Nova has placed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from vhost_tempest_plugin.nova.expect import HostLoads, Observation, pcpu_fallback
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.nova.views import Power
from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class Claim:
    """What a server has of a host: what it asked for, and where it was seen.

    :param fallback: whether Placement may have been out of PCPUs when it was scheduled
        (``pcpu_fallback``)
    """

    request: Request
    host: str
    seen: Observation = field(default_factory=Observation)
    fallback: bool = False

    @classmethod
    def of(
        cls, loads: HostLoads, request: Request, host: str, beside: Sequence[Request] = ()
    ) -> Self:
        """What a server was given of a host; where it is seen, an inspection finds out.

        :param loads: those when it was asked for
        :param beside: all requests that were made at once, where there are several
        """
        fallback = host in loads and pcpu_fallback(loads[host], beside or [request])
        return cls(request, host, fallback=fallback)


@dataclass(frozen=True, slots=True)
class PlacedServer:
    """A server at one moment.

    :param number: which server of its test it is
    :param id: Nova's uuid
    :param console: it boots a system that reports on its console
    :param source: what it keeps where it came from, until a resize or migration is confirmed
    :param console_log: the host's file of its console; None while none is known
    """

    number: int
    id: str
    claim: Claim
    console: bool = False
    power: Power = Power.ON
    source: Claim | None = None
    console_log: str | None = None

    @property
    def host(self) -> str:
        """Its compute host, or the last one that it had."""
        return self.claim.host

    def reserved(self, host: str) -> frozenset[PciAddress]:
        """The devices of a host that it keeps until a resize or migration is confirmed."""
        if self.source is None or self.source.host != host:
            return frozenset()
        return self.source.seen.devices
