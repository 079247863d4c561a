# SPDX-License-Identifier: Apache-2.0
"""A devstack as a deployment that tests may change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from vhost_tempest_plugin.cloud.compute import host_commands
from vhost_tempest_plugin.cloud.compute.driver import EmulatedDeployment, assignments
from vhost_tempest_plugin.cloud.compute.options import verify
from vhost_tempest_plugin.cloud.configuration import override
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override
from vhost_tempest_plugin.cloud.deployment.driver import Value
from vhost_tempest_plugin.devstack import files
from vhost_tempest_plugin.devstack import status as devstack_status
from vhost_tempest_plugin.devstack.cloud import open_cloud
from vhost_tempest_plugin.devstack.compute_hosts import UNIT, ComputeHosts, is_running
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.devstack.record import StackRecord
from vhost_tempest_plugin.devstack.services import Services
from vhost_tempest_plugin.host import rewire
from vhost_tempest_plugin.host import status as host_status
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util.progress import silent

_HELD_S = 1800.0


class DevstackDeployment(EmulatedDeployment):
    """The driver ``devstack``; *name* is devstack's VHOST_NAME."""

    unit = UNIT

    @contextmanager
    def configured(self, service: str, options: Mapping[str, Value]) -> Iterator[None]:
        asked = override.parse(service, assignments(options))
        wanted = tuple(spread for entry in asked for spread in override.spread(entry))
        with self._held() as (directory, record, _):
            verify(record.environment, wanted)
            before: dict[Path, str] = {}
            try:
                self._apply(directory, record, wanted, before)
            except BaseException:
                self._put_back(directory, record, wanted, before)
                raise
        try:
            yield
        finally:
            with self._held() as (directory, _, _):
                self._put_back(directory, record, wanted, before)

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
            with self._held() as (_, _, nodes):
                nodes.start(nodes.named([host] if host else []), only_changed=False)
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
            with self._held() as (_, _, nodes):
                nodes.start(nodes.named([host] if host else []), only_changed=True)
        else:
            with self._services() as services:
                services.start(service)

    def _apply(
        self,
        directory: StackDirectory,
        record: StackRecord,
        wanted: Sequence[Override],
        before: dict[Path, str],
    ) -> None:
        """Change files and the record; restart whose they are.

        :param before: is given the texts of the files that were changed
        """
        with open_cloud(files.read(record.configuration)) as cloud:
            services = Services(record.configuration.parent, cloud)
            texts, whose = services.edit(each for each in wanted if not each.service.in_host)
            before.update(texts)
            services.restart(whose)
        if of_hosts := [each for each in wanted if each.service.in_host]:
            known = override.parse(Service.NOVA_COMPUTE, record.assignments)
            typed = tuple(_typed(override.merge(known, of_hosts)))
            changed = replace(record, assignments=typed)
            directory.write(changed)
            nodes = ComputeHosts(directory, changed, silent)
            nodes.start(nodes.hosts, only_changed=True)

    def _put_back(
        self,
        directory: StackDirectory,
        record: StackRecord,
        wanted: Sequence[Override],
        before: Mapping[Path, str],
    ) -> None:
        for file, text in before.items():
            file.write_text(text)
        directory.write(record)
        whose = dict.fromkeys(each.service for each in wanted if not each.service.in_host)
        with open_cloud(files.read(record.configuration)) as cloud:
            Services(record.configuration.parent, cloud).restart(whose)
        if any(each.service.in_host for each in wanted):
            nodes = ComputeHosts(directory, record, silent)
            nodes.start(nodes.hosts, only_changed=True)

    def _boot_with(self, host: str, hardware: Layout) -> None:
        with self._held() as (directory, record, _):
            if is_running(host):
                host_commands.power_off(host)
            rewire.rewire(host, hardware, silent)
            nodes = ComputeHosts(directory, record, silent)
            wanted = nodes.named([host])
            nodes.boot(wanted)
            nodes.start(wanted, only_changed=False)

    @contextmanager
    def _held(self) -> Iterator[tuple[StackDirectory, StackRecord, ComputeHosts]]:
        directory = StackDirectory.of(self.name)
        with directory.locked(wait_s=_HELD_S):
            record = directory.read()
            yield directory, record, ComputeHosts(directory, record, silent)

    @contextmanager
    def _services(self) -> Iterator[Services]:
        record = StackDirectory.of(self.name).existing().read()
        with open_cloud(files.read(record.configuration)) as cloud:
            yield Services(record.configuration.parent, cloud)


def _typed(overrides: Iterable[Override]) -> Iterator[str]:
    for each in overrides:
        for value in each.value if isinstance(each.value, tuple) else (each.value,):
            yield f"{each.section}.{each.option}={value}"
