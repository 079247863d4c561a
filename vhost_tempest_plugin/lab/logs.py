# SPDX-License-Identifier: Apache-2.0
"""What a lab's services have logged, without its secrets."""

from collections.abc import Callable, Iterator

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.lab.hosts.nova_compute import NovaCompute
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.util.waiting import wait_for

_POLL_S = 0.5
# Of a log that is followed, as far back as its last lines may reach.
_MOST_LINES = 2000

Read = Callable[[], tuple[str, ...]]


def lines(name: str, service: Service | None, count: int, *, follow: bool = False) -> Iterator[str]:
    """The last *count* lines of a service's log, or of each service's with headings.

    :param follow: go on with what is logged from now on, for one service
    :raises InputError: there is no such lab
    :raises HostError: a host does not answer
    """
    settings = Lab.find(name).settings
    if service is not None:
        for heading, read in _readers(settings, service):
            if service.in_host and len(settings.hosts) > 1:
                yield heading
            yield from _followed(read, count) if follow else read()[-count:]
        return
    for each in Service:
        for heading, read in _readers(settings, each):
            yield heading
            yield from read()[-count:]


def _readers(settings: Settings, service: Service) -> Iterator[tuple[str, Read]]:
    if not service.in_host:
        yield f"== {service}", lambda: failure.tail(settings.log(service), settings.hidden)
        return
    for host in settings.hosts:
        if status.is_running(host.name):
            yield f"== {service} in {host.name}", _of_host(settings, host.name)


def _of_host(settings: Settings, host: str) -> Read:
    def read() -> tuple[str, ...]:
        with status.connected(host) as (_, connection):
            text = "\n".join(NovaCompute(settings, connection).last_lines(_MOST_LINES))
        return tuple(failure.mask(text, settings.hidden).splitlines())

    return read


def _followed(read: Read, count: int) -> Iterator[str]:
    """The end of a log, and what comes after what was seen."""
    seen = read()
    yield from seen[-count:]

    def new() -> tuple[str, ...] | None:
        nonlocal seen
        before, seen = seen, read()
        return _after(seen, before) or None

    while True:
        yield from wait_for(new, "another line", None, poll_s=_POLL_S)


def _after(now: tuple[str, ...], before: tuple[str, ...]) -> tuple[str, ...]:
    """What has come since *before*, where both are the last lines of a log that grows.

    All of *now* where they have nothing in common, as after the log was rotated.
    """
    for left in range(len(before)):
        common = before[left:]
        if now[: len(common)] == common:
            return now[len(common) :]
    return now
