# SPDX-License-Identifier: Apache-2.0
"""The emulated hosts of a lab with nova-compute in them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.cloud.compute.copies import Tree
from vhost_tempest_plugin.cloud.configuration import render
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost
from vhost_tempest_plugin.host import jobs as host_jobs
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.share import Share
from vhost_tempest_plugin.host.worker_protocol import Restore, Save, Up
from vhost_tempest_plugin.lab.hosts import readiness, snapshot
from vhost_tempest_plugin.lab.hosts.nova_compute import NovaCompute
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.lab.state import stages
from vhost_tempest_plugin.lab.state.stages import Stage
from vhost_tempest_plugin.util.progress import Progress

Reports = Mapping[str, int]


class ComputeHosts:
    """All hosts of one lab.

    :param tree: the Nova under test, None for the environment's own
    """

    def __init__(self, lab: Lab, tree: Tree | None, progress: Progress) -> None:
        self.settings = lab.settings
        self._directory = lab.directory
        self._owner = lab.directory.owner
        self._environment = lab.environment
        self._tree = tree
        self._supervision = Supervision(lab.directory.path, lab.settings.hidden)
        self._progress = progress

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts'."""
        return tuple(host.name for host in self.settings.hosts)

    @contextmanager
    def booting(self) -> Iterator[None]:
        """Boot new hosts while the block does something else."""
        self.destroy()
        with host_jobs.Jobs(self._progress) as jobs:
            for host in self.settings.hosts:
                up = self._up(host, self._directory.topology)
                jobs.start(up, within=stages.of(self._directory, Stage.HOST))
            yield

    @contextmanager
    def coming_back(self) -> Iterator[None]:
        """Bring the hosts of the snapshot back while the block does something else."""
        with host_jobs.Jobs(self._progress) as jobs:
            for name in self.names:
                jobs.start(
                    Restore(name, self._owner),
                    before=partial(self._put_back, name),
                    within=stages.of(self._directory, Stage.HOST),
                )
            yield

    def connect(self) -> None:
        """Have tunnels from the hosts to the lab's services, now or as soon as they accept ssh."""
        self._supervision.start(Service.TUNNELS)

    def start(self) -> None:
        """Have nova-compute run in all hosts, with its files up to date, and wait for it.

        :raises StartError: one does not come up
        """
        self._progress("nova-compute")
        self.connect()
        for host in self.settings.hosts:
            if self._is_stale(host):
                self._stop(host)
        before = self.reports()
        for host in self.settings.hosts:
            self._start(host)
        self._wait(before)

    @contextmanager
    def restarting(self, *, only_changed: bool = False) -> Iterator[None]:
        """Restart nova-compute with its files up to date, around the block.

        It is down while the block restarts what it asks, since it would wait for an answer of a
        conductor that ends; what it imports is imported meanwhile.  The end of all waits until
        those that were restarted have reported.

        :param only_changed: let those run on whose files were up to date; they sleep meanwhile
        :raises StartError: one does not come up
        """
        stale = {host.name: self._is_stale(host) for host in self.settings.hosts}
        down = [host for host in self.settings.hosts if stale[host.name] or not only_changed]
        for host in down:
            self._stop(host)
        before = self.reports(down)
        try:
            with self.asleep(host for host in self.settings.hosts if host not in down):
                yield
        finally:
            self.connect()
            for host in down:
                self._start(host)
        self._wait(before)

    @contextmanager
    def asleep(self, those: Iterable[ComputeHost] | None = None) -> Iterator[None]:
        """Let nova-compute do nothing in the block, so that it waits for no answer of what ends.

        :param those: by default all
        """
        with ExitStack() as stack:
            for host in self.settings.hosts if those is None else those:
                if status.is_running(host.name):
                    stack.enter_context(self._asleep(host))
            yield

    def resume(self, before: Reports) -> None:
        """Let nova-compute of restored hosts find the machine again, and wait until it has.

        :param before: what ``reports`` gave before they came back
        """
        self._progress("nova-compute reconnects")
        self.connect()
        for host in self.settings.hosts:
            with self._compute(host) as compute:
                compute.await_tunnel()
                if compute.install(self.configuration(host)):
                    compute.stop()
                    compute.start()
                else:
                    compute.wake_up()
        self._wait(before)

    def heal(self) -> None:
        """Boot hosts that are off with their disks as they are; have nova-compute run in all."""
        with host_jobs.Jobs(self._progress) as jobs:
            for host in self.settings.hosts:
                if not status.is_running(host.name):
                    self._progress(f"host {host.name!r} is off; booting it")
                    own = HostDirectory.of(host.name).topology
                    jobs.start(self._up(host, own if own.exists() else self._directory.topology))
        self.start()

    def save(self) -> None:
        """Save all hosts and end them."""
        self._progress("saving the hosts")
        for host in self.settings.hosts:
            with self._compute(host) as compute:
                compute.fall_asleep()
        self._supervision.stop(Service.TUNNELS)
        for host in self.settings.hosts:
            with self._compute(host) as compute:
                compute.await_no_tunnel()
        with host_jobs.Jobs(self._progress) as jobs:
            for name in self.names:
                jobs.start(Save(name, self._owner))

    def restore(self) -> None:
        """Bring saved hosts back, and nova-compute in them."""
        before = self.reports()
        self.connect()
        with host_jobs.Jobs(self._progress) as jobs:
            for name in self.names:
                jobs.start(Restore(name, self._owner))
        self.resume(before)

    def destroy(self) -> None:
        """Remove all hosts."""
        host_jobs.destroy_all(self.names, self._owner, self._progress)

    def reports(self, those: Iterable[ComputeHost] | None = None) -> Reports:
        """How often nova-compute of hosts has reported itself.

        :param those: by default all
        """
        named = self.settings.hosts if those is None else those
        return {host.name: readiness.reports(self.settings, host) for host in named}

    def configuration(self, host: ComputeHost) -> str:
        """What is to be in nova.conf of a host."""
        return render.text(render.compute_options(self.settings, host))

    def _is_stale(self, host: ComputeHost) -> bool:
        """Bring its files in a host up to date; whether it would run with others than it does."""
        with self._compute(host) as compute:
            return compute.install(self.configuration(host))

    def _stop(self, host: ComputeHost) -> None:
        with self._compute(host) as compute:
            compute.stop()

    def _start(self, host: ComputeHost) -> None:
        with self._compute(host) as compute:
            compute.await_tunnel()
            compute.start()

    @contextmanager
    def _asleep(self, host: ComputeHost) -> Iterator[None]:
        with self._compute(host) as compute:
            try:
                if compute.is_running():
                    compute.fall_asleep()
                yield
            finally:
                compute.wake_up()

    def _up(self, host: ComputeHost, topology: Path) -> Up:
        made = self._environment
        shares = (Share(made.image, PurePosixPath(made.path)),)
        return Up(host.name, self._owner, topology, host.accelerator, shares)

    def _put_back(self, name: str) -> None:
        host_jobs.destroy(name, self._owner, self._progress)
        snapshot.put_back_host(self._directory, name)

    @contextmanager
    def _compute(self, host: ComputeHost) -> Iterator[NovaCompute]:
        with status.connected(host.name) as (_, connection):
            yield NovaCompute(self.settings, connection, self._tree)

    def _wait(self, before: Reports) -> None:
        for host in self.settings.hosts:
            if host.name in before:
                with self._compute(host) as compute:
                    readiness.wait(self.settings, host, compute, before[host.name])
