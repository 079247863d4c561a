# SPDX-License-Identifier: Apache-2.0
"""What of a lab runs on the machine: the order in which it comes up."""

from collections.abc import Callable, Iterable
from functools import partial

from vhost_tempest_plugin.configuration.service import Service
from vhost_tempest_plugin.configuration.settings import Settings
from vhost_tempest_plugin.guest import GuestImage
from vhost_tempest_plugin.lab import bootstrap, broker, contents, database, services
from vhost_tempest_plugin.lab.cloud import Cloud
from vhost_tempest_plugin.lab.supervision import Supervision
from vhost_tempest_plugin.progress import Progress

Ready = dict[str, Callable[[], bool]]


class ControlPlane:
    """The supervised programs of one lab."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self._settings = settings
        self._progress = progress
        self.supervision = Supervision(settings.directory, settings.secrets)

    def launch(self) -> None:
        """Have the supervisor know its programs, with their files up to date; none is started."""
        settings = self._settings
        database.prepare(settings)
        broker.prepare(settings)
        services.write(settings)
        programs = [database.program(settings), *broker.programs(settings)]
        self.supervision.launch([*programs, *services.programs(settings)])

    def start_base(self) -> None:
        """Start the database and the broker, where they do not run.

        :raises ServiceError: one does not come up
        """
        settings = self._settings
        self._progress("database and broker")
        self._start({Service.MARIADB: partial(database.is_ready, settings)})
        database.create(settings)
        self._start({Service.EPMD: partial(broker.is_registry_ready, settings)})
        self._start({Service.RABBITMQ: partial(broker.is_ready, settings)})

    def start_services(self) -> None:
        """Start all of OpenStack's services, where they do not run.

        :raises ServiceError: one does not come up
        """
        for stage in services.STAGES:
            self._progress(", ".join(stage))
            self.start(stage)

    def start_anew(self, image: GuestImage) -> None:
        """Start the services of a lab whose keystone is empty, and fill them.

        :raises ServiceError: one does not come up
        :raises CloudError: one refuses what it is asked
        """
        first, *later = services.STAGES
        self._progress(", ".join(first))
        names = [service for service in first if service is not Service.KEYSTONE]
        self.supervision.start(*names)
        self.start([Service.KEYSTONE])
        self._progress("accounts, catalogue")
        bootstrap.identity(self._settings)
        self.start(names)
        for stage in later:
            self._progress(", ".join(stage))
            self.start(stage)
        self._progress("flavors, the guest's image")
        with Cloud.open(self._settings) as cloud:
            # The first request of neutron 29.0 must not be one for ports: it answers all
            # later ones with an error then ("Port.port_forwardings").
            cloud.networks()
            contents.ensure(self._settings, cloud, image)

    def start(self, names: Iterable[Service]) -> None:
        """Start services and wait until they can be used."""
        self._start({name: services.ready(self._settings, name) for name in names})

    def restart(self, names: Iterable[Service]) -> None:
        """Restart services of the machine and wait until they can be used.

        :raises ServiceError: one does not come up
        """
        named = list(names)
        if not named:
            return
        self._progress(f"restarting {', '.join(named)}")
        self.supervision.stop(*named)
        for stage in services.STAGES:
            self.start([name for name in stage if name in named])

    def _start(self, ready: Ready) -> None:
        if ready:
            self.supervision.start(*ready)
            self.supervision.wait(ready, services.READY_LIMIT_S)
