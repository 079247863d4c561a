# SPDX-License-Identifier: Apache-2.0
"""Whether all who know of a test's guests tell the same of them, and let go of what they had."""

import contextlib
from collections.abc import Mapping, Sequence
from functools import partial

from tempest.lib import exceptions

from vhost_tempest_plugin.host.nested_guest import GuestReport
from vhost_tempest_plugin.nova.views import (
    GuestViews,
    Power,
    disagreements,
    leaks,
    observation,
    unchanged,
)
from vhost_tempest_plugin.scenario.clients.cloud import TWO_AUDITS_S, Cloud
from vhost_tempest_plugin.scenario.clients.stopwatch import Stopwatch
from vhost_tempest_plugin.scenario.guest import Guest
from vhost_tempest_plugin.scenario.inspection.observed_host import HostSnapshot, ObservedHost
from vhost_tempest_plugin.scenario.inspection.record import Record
from vhost_tempest_plugin.topology.pci import PciAddress


class Inspector:
    """Looks at the guests of one test, and notes where they are.

    :param hosts: the compute hosts by name
    """

    def __init__(self, cloud: Cloud, hosts: Mapping[str, ObservedHost], record: Record) -> None:
        self._cloud = cloud
        self._hosts = hosts
        self._record = record

    def facts(
        self,
        guests: Sequence[Guest],
        step: str,
        *,
        report: GuestReport | None = None,
        moved: bool = False,
    ) -> list[str]:
        """In what the views of guests differ; one look at each host for all of them.

        :param moved: they may be elsewhere than they were
        """
        facts = []
        for name in dict.fromkeys(guest.host for guest in guests):
            look = self._hosts[name].look()
            for guest in guests:
                if guest.host == name:
                    facts += self._of(guest, look, step, report, moved)
        for guest in guests:
            facts += self._left_behind(guest, step)
        return facts

    def held_by(self, guest: Guest, name: str, step: str, watch: Stopwatch) -> list[str]:
        """What of a host is held by a guest that is not on it any more, after a time to let go."""
        host = self._hosts[name]

        def free() -> bool | None:
            nova = host.nova()
            return None if nova.of(guest.id) or guest.id in nova.guests else True

        with contextlib.suppress(exceptions.TimeoutException):
            self._cloud.until(free, "release", watch, TWO_AUDITS_S)
        look = host.look()
        # It may have some of another host, where it is now.
        own = set(look.tree.values())
        everywhere = self._cloud.placement.of(guest.id, look.tree)
        holdings = tuple(holding for holding in everywhere if holding.provider in own)
        held = leaks(look.host, look.nova, holdings, ours={guest.id})
        return [f"guest {guest.number} after {step}: {leak}" for leak in held]

    def held(self, watch: Stopwatch) -> list[str]:
        """What anybody holds of the hosts, after a time to let go; none where all is free."""
        facts = []
        for name, host in self._hosts.items():
            # What is told of what is still held says more than that it took too long.
            with contextlib.suppress(exceptions.TimeoutException):
                self._cloud.until(partial(_is_free, host), "release", watch, TWO_AUDITS_S)
            facts += [f"after the test: {name}: {leak}" for leak in host.leaks()]
        return facts

    def _left_behind(self, guest: Guest, step: str) -> list[str]:
        """In what views of the host that a guest came from are not as they must be meanwhile."""
        if guest.left is None or guest.left[1] == guest.host:
            return []
        name = guest.left[1]
        look = self._hosts[name].look()
        facts = [
            str(each) for each in unchanged(guest.id, _reserve(guest, name), look.nova, look.host)
        ]
        return [f"guest {guest.number} after {step}, on {name}: {fact}" for fact in facts]

    def _of(
        self, guest: Guest, look: HostSnapshot, step: str, report: GuestReport | None, moved: bool
    ) -> list[str]:
        dedicated = self._hosts[guest.host].dedicated
        domain = look.host.domains.get(guest.id)
        views = GuestViews(
            guest=guest.id,
            host=guest.host,
            power=guest.power,
            domain=domain,
            sysfs=look.host.devices,
            nova=look.nova.of(guest.id),
            recorded=look.nova.guests.get(guest.id),
            api=self._cloud.topology(guest.id),
            holdings=self._cloud.placement.of(guest.id, look.tree),
            reported_devices=look.reports_devices,
            report=report,
            in_reserve=_reserve(guest, guest.host),
        )
        facts = [str(each) for each in disagreements(views, dedicated)]
        if domain is not None and guest.power is Power.ON:
            guest.console_log = domain.console_log
            before, guest.seen = guest.seen, observation(domain, dedicated)
            self._record.guest(guest.number, step, guest.host, guest.request, guest.seen)
            if not moved and guest.seen != before:
                facts.append(f"it was {before}, is {guest.seen}")
        return [f"guest {guest.number} after {step}: {fact}" for fact in facts]


def _reserve(guest: Guest, host: str) -> frozenset[PciAddress]:
    """The devices of a host that are a guest's where it came from, until a move is confirmed."""
    if guest.left is None or guest.left[1] != host:
        return frozenset()
    return guest.left[2].devices


def _is_free(host: ObservedHost) -> bool | None:
    nova = host.nova()
    held = any(device.instance for device in nova.devices) or nova.guests
    # What a migration has of the host it came from goes after the guest is active.
    return None if held or host.holdings() else True
