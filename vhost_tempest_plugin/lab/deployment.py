# SPDX-License-Identifier: Apache-2.0
"""A lab as a deployment that tests may change."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from vhost_tempest_plugin import hosts, rewiring, speed
from vhost_tempest_plugin.ability import Ability
from vhost_tempest_plugin.configuration.service import Service
from vhost_tempest_plugin.deployment import LIBVIRT, Deployment, StartError, Value
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab import (
    compute,
    emulated,
    labs,
    lifecycle,
    logs,
    restarting,
    settings_by_hand,
)
from vhost_tempest_plugin.lab.computes import Computes, kept_environment
from vhost_tempest_plugin.lab.control_plane import ControlPlane
from vhost_tempest_plugin.lab.directory import LabDirectory
from vhost_tempest_plugin.lab.failure import ServiceError
from vhost_tempest_plugin.lab.supervision import Supervision
from vhost_tempest_plugin.pci import PciAddress
from vhost_tempest_plugin.progress import silent
from vhost_tempest_plugin.topology import Host

# What of libvirt runs in an emulated host, and what would start it again when it is asked.
_LIBVIRT_UNITS = ("libvirtd.service", "libvirtd*.socket")
_LIMIT_S = 120.0


class LabDeployment(Deployment):
    """The driver ``lab``; *name* is the lab's."""

    abilities = frozenset(Ability)

    @contextmanager
    def configured(self, service: str, options: Mapping[str, Value]) -> Iterator[None]:
        assignments = [
            f"{name}={each}"
            for name, value in options.items()
            for each in (value if isinstance(value, tuple) else (value,))
        ]
        with ExitStack() as stack:
            with _started():
                stack.enter_context(
                    settings_by_hand.changed(self.name, service, assignments, silent)
                )
            yield

    def restart(self, service: str, host: str | None = None) -> None:
        if service == LIBVIRT:
            self._systemctl(host, "restart", _LIBVIRT_UNITS[0])
        elif host is not None:
            self._systemctl(host, "stop", compute.UNIT)
            self.start(service)
        else:
            with _started():
                restarting.restart(self.name, [service], silent)

    def stop(self, service: str, host: str | None = None) -> None:
        if service == LIBVIRT:
            self._systemctl(host, "stop", *_LIBVIRT_UNITS)
        elif _service(service).in_host:
            self._systemctl(host, "stop", compute.UNIT)
        else:
            self._supervision().stop(service)

    def kill(self, service: str, host: str | None = None) -> None:
        if service == LIBVIRT:
            self._systemctl(host, "kill", "-s", "KILL", _LIBVIRT_UNITS[0])
        elif _service(service).in_host:
            self._systemctl(host, "kill", "-s", "KILL", compute.UNIT)
        else:
            states = {state.name: state.pid for state in self._supervision().states()}
            if pid := states.get(service):
                os.kill(pid, signal.SIGKILL)

    def start(self, service: str, host: str | None = None) -> None:
        if service == LIBVIRT:
            self._systemctl(host, "start", *_LIBVIRT_UNITS)
            return
        known = _service(service)
        with self._computes() as computes, _started():
            if known.in_host:
                computes.start()
            else:
                ControlPlane(computes.settings, silent, computes.nova).start([known])

    def reboot(self, host: str) -> None:
        with self._computes() as computes, _started():
            emulated.power_off(host)
            computes.heal()

    @contextmanager
    def rewired(self, host: str, hardware: Host) -> Iterator[None]:
        own = hosts.intended(host).host
        try:
            self._boot_with(host, hardware)
            yield
        finally:
            self._boot_with(host, own)

    def unplug(self, host: str, device: PciAddress) -> None:
        emulated.run(["unplug", host, str(device)], silent)

    def plug(self, host: str, device: PciAddress) -> None:
        emulated.run(["plug", host, str(device)], silent)

    def log(self, service: str, host: str | None, count: int) -> tuple[str, ...]:
        return tuple(logs.lines(self.name, _service(service), count))

    def _boot_with(self, host: str, hardware: Host) -> None:
        with self._computes() as computes, _started():
            if computes.is_running(host):
                emulated.power_off(host)
            rewiring.rewire(host, hardware, silent)
            computes.heal()

    @contextmanager
    def _computes(self) -> Iterator[Computes]:
        directory = LabDirectory.of(self.name)
        with directory.locked(wait_s=lifecycle.WAIT_S, progress=silent):
            directory, record = labs.running(self.name)
            computes = Computes(directory, record, kept_environment(record), silent)
            computes.keep_nova()
            yield computes

    def _supervision(self) -> Supervision:
        directory, _ = labs.running(self.name)
        return Supervision(directory.path)

    def _systemctl(self, host: str | None, *words: str) -> None:
        """Have systemd in one host, or in all of them, do something."""
        limit_s = _LIMIT_S * speed.slowness()
        for name in self.hosts if host is None else (host,):
            with hosts.connected(name) as (_, machine):
                machine.run(["systemctl", *words], timeout_s=limit_s)


@contextmanager
def _started() -> Iterator[None]:
    """Tell of a service that does not come up in the words of ``deployment``."""
    try:
        yield
    except ServiceError as error:
        raise StartError(str(error), error.program, tuple(error.lines)) from None


def _service(name: str) -> Service:
    try:
        return Service(name)
    except ValueError:
        raise InputError(f"a lab has no service {name!r}; 'vhost lab status' has them") from None
