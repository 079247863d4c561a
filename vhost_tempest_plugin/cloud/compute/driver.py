# SPDX-License-Identifier: Apache-2.0
"""What drivers of deployments around emulated hosts have in common."""

import abc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.driver import LIBVIRT, Deployment, Value
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.host import jobs, status
from vhost_tempest_plugin.host.owner import HostOwner
from vhost_tempest_plugin.host.worker_protocol import Plug, Unplug
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress
from vhost_tempest_plugin.util import speed
from vhost_tempest_plugin.util.progress import silent

# What of libvirt runs in an emulated host, and what would start it again when it is asked.
_LIBVIRT_UNITS = ("libvirtd.service", "libvirtd*.socket")
# With what the kernel says of the devices meanwhile.
_JOURNAL = (
    *("journalctl", "-q", "--no-pager", "-o", "short-precise"),
    *(f"_SYSTEMD_UNIT={_LIBVIRT_UNITS[0]}", "+", "_TRANSPORT=kernel", "-n"),
)
_LIMIT_S = 120.0


class EmulatedDeployment(Deployment):
    """A driver that can do everything to its hosts.

    What it does to services is for who derives from it, but for libvirt, and for the ends of
    nova-compute.
    """

    capabilities = frozenset(DriverCapability)

    #: nova-compute's unit of systemd in the hosts
    unit: ClassVar[str]

    def restart(self, service: str, host: str | None = None) -> None:
        if service == LIBVIRT:
            self._systemctl(host, "restart", _LIBVIRT_UNITS[0])
        else:
            self._restart(self._service(service), host)

    def stop(self, service: str, host: str | None = None) -> None:
        if service == LIBVIRT:
            self._systemctl(host, "stop", *_LIBVIRT_UNITS)
        elif (known := self._service(service)).in_host:
            self._systemctl(host, "stop", self.unit)
        else:
            self._stop(known)

    def kill(self, service: str, host: str | None = None) -> None:
        if service == LIBVIRT:
            self._systemctl(host, "kill", "-s", "KILL", _LIBVIRT_UNITS[0])
        elif (known := self._service(service)).in_host:
            self._systemctl(host, "kill", "-s", "KILL", self.unit)
        else:
            self._kill(known)

    def start(self, service: str, host: str | None = None) -> None:
        if service == LIBVIRT:
            self._systemctl(host, "start", *_LIBVIRT_UNITS)
        else:
            self._start(self._service(service), host)

    @contextmanager
    def with_hardware(self, host: str, hardware: Layout) -> Iterator[None]:
        own = status.intended(host)
        try:
            self._boot_with(host, hardware)
            yield
        finally:
            self._boot_with(host, own)

    def unplug(self, host: str, device: PciAddress, *, wait: bool = True) -> None:
        jobs.run(Unplug(host, self.owner, device, wait), silent)

    def plug(self, host: str, device: PciAddress) -> None:
        jobs.run(Plug(host, self.owner, device), silent)

    def log(self, service: str, host: str | None, count: int) -> tuple[str, ...]:
        if service != LIBVIRT:
            return self._log(self._service(service), host, count)
        lines: list[str] = []
        for name in self.hosts if host is None else (host,):
            with status.connected(name) as (_, connection):
                lines += connection.run([*_JOURNAL, str(count)]).stdout.splitlines()
        return tuple(lines)

    @property
    @abc.abstractmethod
    def owner(self) -> HostOwner:
        """Whose the hosts are."""

    @abc.abstractmethod
    def _log(self, service: Service, host: str | None, count: int) -> tuple[str, ...]:
        """The last lines that a service of Nova has logged."""

    @abc.abstractmethod
    def _restart(self, service: Service, host: str | None) -> None:
        """End a service in an orderly way and start it."""

    @abc.abstractmethod
    def _stop(self, service: Service) -> None:
        """End a service of the machine in an orderly way."""

    @abc.abstractmethod
    def _kill(self, service: Service) -> None:
        """End a service of the machine at once."""

    @abc.abstractmethod
    def _start(self, service: Service, host: str | None) -> None:
        """Start a service where it does not run, and wait until it can be used."""

    @abc.abstractmethod
    def _boot_with(self, host: str, hardware: Layout) -> None:
        """Take the power from a host, and boot it with such hardware."""

    def _systemctl(self, host: str | None, *words: str) -> None:
        """Have systemd in one host, or in all of them, do something."""
        limit_s = _LIMIT_S * speed.timeout_scale()
        for name in self.hosts if host is None else (host,):
            with status.connected(name) as (_, connection):
                connection.run(["systemctl", *words], timeout_s=limit_s)

    def _service(self, name: str) -> Service:
        try:
            return Service(name)
        except ValueError:
            raise InputError(f"{self.name!r} has no service {name!r}") from None


def assignments(options: Mapping[str, Value]) -> list[str]:
    """``section.option=value`` of each value, as commands have it."""
    return [
        f"{name}={each}"
        for name, value in options.items()
        for each in (value if isinstance(value, tuple) else (value,))
    ]
