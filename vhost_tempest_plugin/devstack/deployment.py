# SPDX-License-Identifier: Apache-2.0
"""A devstack as a deployment that tests may change."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

from vhost_tempest_plugin.cloud.compute.driver import EmulatedDeployment, assignments
from vhost_tempest_plugin.cloud.compute.options import verify
from vhost_tempest_plugin.cloud.configuration import override
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment.driver import Value
from vhost_tempest_plugin.devstack import access, journal, overrides
from vhost_tempest_plugin.devstack import status as devstack_status
from vhost_tempest_plugin.devstack.compute_hosts import UNIT
from vhost_tempest_plugin.devstack.services import Services
from vhost_tempest_plugin.devstack.stack import Stack
from vhost_tempest_plugin.host import jobs, owner, rewire
from vhost_tempest_plugin.host import status as host_status
from vhost_tempest_plugin.host.owner import HostOwner
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util.progress import Lines, silent

_HELD_S = 1800.0


class DevstackDeployment(EmulatedDeployment):
    """The driver ``devstack``; *name* is devstack's VHOST_NAME."""

    unit = UNIT

    @property
    def owner(self) -> HostOwner:
        return owner.devstack(self.name)

    @contextmanager
    def configured(self, service: str, options: Mapping[str, Value]) -> Iterator[None]:
        asked = override.parse(service, assignments(options))
        wanted = tuple(spread for entry in asked for spread in override.spread(entry))
        with ExitStack() as cleanup:
            with self._held() as stack:
                verify(stack.record.spec.environment, wanted)
                entry = cleanup.enter_context(journal.begun(stack.directory.journal))
                try:
                    overrides.apply(stack, wanted, entry)
                except BaseException:
                    overrides.put_back(stack, entry)
                    raise
            try:
                yield
            finally:
                with self._held() as stack:
                    overrides.put_back(stack, entry)

    def reboot(self, host: str) -> None:
        self._boot_with(host, host_status.intended(host))

    def _log(self, service: Service, host: str | None, count: int) -> tuple[str, ...]:
        if not service.in_host:
            with self._services() as services:
                return services.log(service, count)
        lines: list[str] = []
        for name in self.hosts if host is None else (host,):
            lines += devstack_status.last_lines(self.name, name, count)
        return tuple(lines)

    def _restart(self, service: Service, host: str | None) -> None:
        if service.in_host:
            with self._held() as stack:
                stack.hosts.start(stack.hosts.named([host] if host else []), only_changed=False)
        else:
            with self._services() as services:
                services.restart([service])

    def _stop(self, service: Service) -> None:
        with self._services() as services:
            services.systemctl("stop", service)

    def _kill(self, service: Service) -> None:
        with self._services() as services:
            services.systemctl("kill", service, "-s", "KILL")

    def _start(self, service: Service, host: str | None) -> None:
        if service.in_host:
            with self._held() as stack:
                stack.hosts.start(stack.hosts.named([host] if host else []), only_changed=True)
        else:
            with self._services() as services:
                services.start(service)

    def _boot_with(self, host: str, hardware: Layout) -> None:
        with self._held() as stack:
            if host_status.is_running(host):
                jobs.power_off(host, self.owner)
            rewire.rewire(host, self.owner, hardware, silent)
            # With the hardware that it has now.
            hosts = Stack.of(stack.directory, stack.record, silent).hosts
            wanted = hosts.named([host])
            hosts.boot(wanted)
            hosts.start(wanted, only_changed=False)

    def _held(self) -> AbstractContextManager[Stack]:
        return access.held(self.name, Lines(), _HELD_S)

    @contextmanager
    def _services(self) -> Iterator[Services]:
        with access.read(self.name, Lines()).services() as services:
            yield services
