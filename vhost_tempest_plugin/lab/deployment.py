# SPDX-License-Identifier: Apache-2.0
"""A lab as a deployment that tests may change."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from vhost_tempest_plugin.cloud.compute.driver import EmulatedDeployment, assignments
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment.driver import Value
from vhost_tempest_plugin.host import jobs, owner, rewire, status
from vhost_tempest_plugin.host.owner import HostOwner
from vhost_tempest_plugin.lab import logs, overrides, restart
from vhost_tempest_plugin.lab.hosts import nova_compute
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.runtime import LabRuntime
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util.progress import silent


class LabDeployment(EmulatedDeployment):
    """The driver ``lab``; *name* is the lab's."""

    unit = nova_compute.UNIT

    @property
    def owner(self) -> HostOwner:
        return owner.lab(self.name)

    @contextmanager
    def configured(self, service: str, options: Mapping[str, Value]) -> Iterator[None]:
        with overrides.changed(self.name, service, assignments(options), silent):
            yield

    def reboot(self, host: str) -> None:
        with LabRuntime.held(self.name, silent) as runtime:
            jobs.power_off(host, self.owner)
            runtime.hosts.heal()

    def _log(self, service: Service, host: str | None, count: int) -> tuple[str, ...]:
        return tuple(logs.lines(self.name, service, count))

    def _restart(self, service: Service, host: str | None) -> None:
        if host is not None:
            self._systemctl(host, "stop", self.unit)
            self._start(service, host)
        else:
            restart.restart(self.name, [service], silent)

    def _stop(self, service: Service) -> None:
        self._supervision().stop(service)

    def _kill(self, service: Service) -> None:
        states = {state.name: state.pid for state in self._supervision().states()}
        if pid := states.get(service):
            os.kill(pid, signal.SIGKILL)

    def _start(self, service: Service, host: str | None) -> None:
        with LabRuntime.held(self.name, silent) as runtime:
            if service.in_host:
                runtime.hosts.start()
            else:
                runtime.plane.start([service])

    def _boot_with(self, host: str, hardware: Layout) -> None:
        with LabRuntime.held(self.name, silent) as runtime:
            if status.is_running(host):
                jobs.power_off(host, self.owner)
            rewire.rewire(host, self.owner, hardware, silent)
            runtime.hosts.heal()

    def _supervision(self) -> Supervision:
        return Supervision(Lab.running(self.name).directory.path)
