# SPDX-License-Identifier: Apache-2.0
"""A lab as a deployment that tests may change."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from vhost_tempest_plugin.cloud.compute import host_commands
from vhost_tempest_plugin.cloud.compute.driver import EmulatedDeployment, assignments
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment.driver import StartError, Value
from vhost_tempest_plugin.cloud.deployment.failure import ServiceError
from vhost_tempest_plugin.host import rewire
from vhost_tempest_plugin.lab import lifecycle, logs, overrides, restart, status
from vhost_tempest_plugin.lab.hosts import nova_compute
from vhost_tempest_plugin.lab.hosts.compute_hosts import ComputeHosts, kept_environment
from vhost_tempest_plugin.lab.services.control_plane import ControlPlane
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.topology.model import Host
from vhost_tempest_plugin.util.progress import silent


class LabDeployment(EmulatedDeployment):
    """The driver ``lab``; *name* is the lab's."""

    unit = nova_compute.UNIT

    @contextmanager
    def configured(self, service: str, options: Mapping[str, Value]) -> Iterator[None]:
        with ExitStack() as stack:
            with _started():
                stack.enter_context(
                    overrides.changed(self.name, service, assignments(options), silent)
                )
            yield

    def reboot(self, host: str) -> None:
        with self._computes() as computes, _started():
            host_commands.power_off(host)
            computes.heal()

    def _log(self, service: Service, host: str | None, count: int) -> tuple[str, ...]:
        return tuple(logs.lines(self.name, service, count))

    def _restart(self, service: Service, host: str | None) -> None:
        if host is not None:
            self._systemctl(host, "stop", self.unit)
            self._start(service, host)
        else:
            with _started():
                restart.restart(self.name, [service], silent)

    def _stop(self, service: Service) -> None:
        self._supervision().stop(service)

    def _kill(self, service: Service) -> None:
        states = {state.name: state.pid for state in self._supervision().states()}
        if pid := states.get(service):
            os.kill(pid, signal.SIGKILL)

    def _start(self, service: Service, host: str | None) -> None:
        with self._computes() as computes, _started():
            if service.in_host:
                computes.start()
            else:
                ControlPlane(computes.settings, silent, computes.nova).start([service])

    def _boot_with(self, host: str, hardware: Host) -> None:
        with self._computes() as computes, _started():
            if computes.is_running(host):
                host_commands.power_off(host)
            rewire.rewire(host, hardware, silent)
            computes.heal()

    @contextmanager
    def _computes(self) -> Iterator[ComputeHosts]:
        directory = LabDirectory.of(self.name)
        with directory.locked(wait_s=lifecycle.WAIT_S, progress=silent):
            directory, record = status.running(self.name)
            computes = ComputeHosts(directory, record, kept_environment(record), silent)
            computes.keep_nova()
            yield computes

    def _supervision(self) -> Supervision:
        directory, _ = status.running(self.name)
        return Supervision(directory.path)


@contextmanager
def _started() -> Iterator[None]:
    """Tell of a service that does not come up in the words of ``deployment``."""
    try:
        yield
    except ServiceError as error:
        raise StartError(str(error), error.program, tuple(error.lines)) from None
