# SPDX-License-Identifier: Apache-2.0
"""devstack's services of Nova on this machine: units of systemd, and their files.

A unit is started and stopped as root, by sudo, which devstack's user may without a password.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration import ini
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override, Value
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.devstack import files
from vhost_tempest_plugin.devstack.journal import Entry
from vhost_tempest_plugin.errors import InputError, VhostError
from vhost_tempest_plugin.util import process, speed
from vhost_tempest_plugin.util.waiting import wait_for

# Of a service the units that there may be, by how devstack names cells (lib/nova).
_UNITS: Mapping[Service, tuple[str, ...]] = {
    Service.NOVA_API: ("devstack@n-api.service",),
    Service.NOVA_SCHEDULER: ("devstack@n-sch.service",),
    Service.NOVA_CONDUCTOR: (
        *("devstack@n-cond.service", "devstack@n-super-cond.service"),
        "devstack@n-cond-cell1.service",
    ),
}
_LIMIT_S = 300.0
_POLL_S = 1.0
_LINES = 80


class Services:
    """The services whose files are in *directory* (``/etc/nova``)."""

    def __init__(self, directory: Path, cloud: Cloud) -> None:
        self._directory = directory
        self._cloud = cloud

    def edit(self, overrides: Iterable[Override], entry: Entry) -> tuple[Service, ...]:
        """Put options into the files of their services; whose they are.

        :param entry: is given what is about to change, before each change
        :raises InputError: devstack has not written a file
        :raises LocalError: a file cannot be written
        """
        wanted: dict[Path, dict[str, dict[str, Value]]] = {}
        asked = tuple(overrides)
        whose = tuple(dict.fromkeys(each.service for each in asked))
        for each in asked:
            for file in self._files(each.service):
                wanted.setdefault(file, {}).setdefault(each.section, {})[each.option] = each.value
        entry.note_services(whose)
        for file, options in wanted.items():
            before = files.text(file)
            after = ini.edited(before, options, str(file))
            entry.note_file(file, before, after)
            files.write(file, after)
        return whose

    def restart(self, services: Iterable[Service]) -> None:
        """End services in an orderly way and start them; they can be used then.

        :raises StartError: one does not come up
        """
        wanted = tuple(services)
        before = {service: self._reports_if_any(service) for service in wanted}
        for service in wanted:
            self.systemctl("restart", service)
        for service in wanted:
            self._wait(service, before[service])

    def start(self, service: Service) -> None:
        """Start a service where it does not run, and wait until it can be used.

        :raises StartError: it does not come up
        """
        runs = all(self._state(unit) == "active" for unit in self._units(service))
        before = {} if runs else self._reports_if_any(service)
        self.systemctl("start", service)
        self._wait(service, before)

    def systemctl(self, verb: str, service: Service, *words: str) -> None:
        """Have systemd do something with a service's units.

        :raises InputError: there is no such service
        :raises CommandError: systemd or sudo refuses
        """
        process.run(
            [process.which("sudo"), "-n", "systemctl", verb, *words, *self._units(service)],
            timeout_s=_LIMIT_S * speed.timeout_scale(),
        )

    def log(self, service: Service, count: int) -> tuple[str, ...]:
        """The last lines of a service's journal."""
        units = [f"--unit={unit}" for unit in self._units(service)]
        argv: list[str | Path] = [
            process.which("sudo"),
            "-n",
            "journalctl",
            "-o",
            "cat",
            "-n",
            str(count),
            *units,
        ]
        return tuple(process.run(argv, check=False).stdout.splitlines())

    def _files(self, service: Service) -> tuple[Path, ...]:
        """Where a service reads its options: the conductor of a cell has a file of its own."""
        shared = self._directory / "nova.conf"
        if service is not Service.NOVA_CONDUCTOR:
            return (shared,)
        return (shared, *sorted(self._directory.glob("nova_cell[1-9]*.conf")))

    def _units(self, service: Service) -> tuple[str, ...]:
        units = tuple(unit for unit in _UNITS.get(service, ()) if self._is_there(unit))
        if not units:
            raise InputError(
                f"devstack has no service {service.value!r} here",
                hint="'systemctl list-units devstack@*' has those that there are",
            )
        return units

    def _is_there(self, unit: str) -> bool:
        argv = ["systemctl", "cat", unit]
        return process.run(argv, check=False).returncode == 0

    def _state(self, unit: str) -> str:
        return process.run(["systemctl", "is-active", unit], check=False).stdout.strip()

    def _reports(self, service: Service) -> dict[str, str | None]:
        """When each process of a service that reports itself to Nova did so last."""
        if service is Service.NOVA_API:
            return {}
        found = self._cloud.services(binary=service)
        return {each.uuid: each.updated_at for each in found}

    def _reports_if_any(self, service: Service) -> dict[str, str | None]:
        """The same; none where Nova's API is down, as by what is to be put back."""
        try:
            return self._reports(service)
        except VhostError:
            return {}

    def _wait(self, service: Service, before: Mapping[str, str | None]) -> None:
        def error(what: str) -> StartError:
            hint = f"see 'journalctl -u {self._units(service)[0]}'"
            return failure.of_log(service, what, self.log(service, _LINES), hint)

        def watch() -> None:
            if any(self._state(unit) == "failed" for unit in self._units(service)):
                raise error("ended")

        wait_for(
            lambda: self._is_ready(service, before),
            "its report",
            _LIMIT_S,
            watch=watch,
            poll_s=_POLL_S,
            error=lambda fact: error(f"is not ready: {fact}"),
        )

    def _is_ready(self, service: Service, before: Mapping[str, str | None]) -> bool:
        """Whether the API answers, and all that report themselves have done so since."""
        try:
            self._cloud.services()
            now = self._reports(service)
        except VhostError:
            return False
        return all(now.get(each) != when for each, when in before.items())
