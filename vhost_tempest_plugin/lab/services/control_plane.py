# SPDX-License-Identifier: Apache-2.0
"""What of a lab runs on the machine: the order in which it comes up."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import astuple, replace
from functools import partial

from vhost_tempest_plugin.cloud.client import contents
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.host.nested_guest import GuestImage
from vhost_tempest_plugin.lab.services import bootstrap, broker, database, services, tunnels
from vhost_tempest_plugin.lab.services.program import Program
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.util import cache
from vhost_tempest_plugin.util.progress import Progress

Ready = dict[str, Callable[[], bool]]

# In a program's environment: a digest of what it runs with.
_MARK = "VHOST_FILES"


class ControlPlane:
    """The supervised programs of one lab.

    :param nova: a digest of the Nova under test
    """

    def __init__(self, settings: Settings, progress: Progress, nova: str = "") -> None:
        self._settings = settings
        self._progress = progress
        self._nova = nova
        self.supervision = Supervision(settings.directory, settings.hidden)

    def launch(self) -> tuple[Service, ...]:
        """Have the supervisor know its programs, with their files up to date; none is started.

        Those that run with other files, or with another Nova, are stopped; returns which.

        :raises PortTakenError: another program has one of the lab's ports
        """
        settings = self._settings
        database.prepare(settings)
        broker.prepare(settings)
        services.write(settings)
        programs = [database.program(settings), broker.program(settings)]
        programs += [*services.programs(settings), tunnels.program(settings)]
        changed = self.supervision.launch(
            [self._marked(program) for program in programs], astuple(settings.ports)
        )
        return tuple(Service(name) for name in changed)

    def start_base(self) -> None:
        """Start the database and the broker, where they do not run.

        :raises StartError: one does not come up
        """
        self.start_database()
        self._progress("broker")
        self._start(self._broker())

    def start_database(self) -> None:
        """Start the database, where it does not run.

        :raises StartError: it does not come up
        """
        self._progress("database")
        self._start({Service.MARIADB: partial(database.is_ready, self._settings)})
        database.create(self._settings)

    def start_services(self, known: Callable[[], None] = lambda: None) -> None:
        """Start the broker and all of OpenStack's services, where they do not run.

        Their database has been in use before: they are started together, but those that keystone
        must answer.

        :param known: called when keystone does
        :raises StartError: one does not come up
        """
        first, *later = services.STAGES
        self._progress(", ".join([Service.RABBITMQ, *first]))
        self.supervision.start(Service.RABBITMQ, *first)
        self._wait(self._broker() | self._ready([Service.KEYSTONE]))
        known()
        rest = [service for stage in later for service in stage]
        self._progress(", ".join(rest))
        self.supervision.start(*rest)
        self._wait(self._ready([*first, *rest]))

    def start_anew(self, image: GuestImage) -> None:
        """Start the services of a lab whose keystone is empty, and fill them.

        :raises StartError: one does not come up
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
            contents.ensure([host.layout for host in self._settings.hosts], cloud, image)

    def running(self) -> frozenset[Service]:
        """The programs that run."""
        states = self.supervision.states()
        return frozenset(Service(state.name) for state in states if not state.phase.is_down)

    def start(self, names: Iterable[Service]) -> None:
        """Start services and wait until they can be used."""
        self._start(self._ready(names))

    def restart(self, names: Iterable[Service]) -> None:
        """Restart services of the machine and wait until they can be used.

        :raises StartError: one does not come up
        """
        named = set(names)
        if named:
            self._progress(f"restarting {', '.join(sorted(named))}")
            self.supervision.stop(*named)
            self._start_again(named)

    def restart_changed(self, down: Collection[Service] = ()) -> None:
        """Restart what runs with other files than it should, and wait until it can be used.

        :param down: what is to be started too, since it did not run any more for a failure
        :raises StartError: one does not come up
        """
        if changed := {*self.launch(), *down}:
            self._progress(f"restarting {', '.join(sorted(changed))}")
            if changed.difference(*services.STAGES):
                self.start_base()
            self._start_again(changed)

    def _start_again(self, names: Collection[Service]) -> None:
        for stage in services.STAGES:
            self.start([name for name in stage if name in names])

    def _marked(self, program: Program) -> Program:
        """A program that is another one for the supervisor when its files are."""
        service = Service(program.name)
        files = sorted(self._settings.etc(service).glob("*"))
        texts = [
            path.read_text(encoding="utf-8")
            for path in files
            if path.is_file() and not path.is_symlink()
        ]
        mark = cache.digest(*texts, self._nova if service.is_nova else "")
        return replace(program, environment={**program.environment, _MARK: mark})

    def _ready(self, names: Iterable[Service]) -> Ready:
        return {name: services.ready(self._settings, name) for name in names}

    def _broker(self) -> Ready:
        return {Service.RABBITMQ: partial(broker.is_ready, self._settings)}

    def _start(self, ready: Ready) -> None:
        if ready:
            self.supervision.start(*ready)
            self._wait(ready)

    def _wait(self, ready: Ready) -> None:
        self.supervision.wait(ready, services.READY_LIMIT_S)
