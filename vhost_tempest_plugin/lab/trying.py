# SPDX-License-Identifier: Apache-2.0
"""One mutant after the other in a lab, each with the tests that are for it."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vhost_tempest_plugin import hosts, need, speed
from vhost_tempest_plugin.configuration.service import Service
from vhost_tempest_plugin.deployment import LIBVIRT, NOVA_COMPUTE
from vhost_tempest_plugin.errors import InputError, VhostError
from vhost_tempest_plugin.lab import (
    emulated,
    labs,
    lifecycle,
    mutated,
    restarting,
    testing,
    viewing,
)
from vhost_tempest_plugin.lab.cloud import Cloud
from vhost_tempest_plugin.lab.deployment import LabDeployment
from vhost_tempest_plugin.lab.failure import ServiceError
from vhost_tempest_plugin.lab.testing import Workspace
from vhost_tempest_plugin.mutants import HostMutant, Mutant, NovaMutant
from vhost_tempest_plugin.need import Ground
from vhost_tempest_plugin.progress import Progress
from vhost_tempest_plugin.results import Run, mutation
from vhost_tempest_plugin.results.mutation import Fate, Trial
from vhost_tempest_plugin.viewer import Node
from vhost_tempest_plugin.views import leaks

_API, _COMPUTE = Service.NOVA_API, Service.NOVA_COMPUTE
_SCHEDULER, _CONDUCTOR = Service.NOVA_SCHEDULER, Service.NOVA_CONDUCTOR
# Who has imported a file of Nova's; all where it is not named.  The first that fits counts.
_READERS = (
    ("nova/virt/libvirt/", (_COMPUTE,)),
    ("nova/pci/manager.py", (_COMPUTE,)),
    ("nova/pci/stats.py", (_SCHEDULER, _COMPUTE)),
    ("nova/pci/request.py", (_API, _COMPUTE)),
    ("nova/scheduler/filters/", (_SCHEDULER,)),
    ("nova/compute/api.py", (_API,)),
    ("nova/compute/manager.py", (_COMPUTE,)),
    ("nova/compute/resource_tracker.py", (_COMPUTE,)),
    ("", (_API, _SCHEDULER, _CONDUCTOR, _COMPUTE)),
)
_SCRIPT_LIMIT_S = 60.0
_LOOKS = 3
_LOOK_S = 5.0


class Bench:
    """Where mutants are tried.

    :param unfit: tests that do not count
    """

    def __init__(
        self,
        workspace: Workspace,
        output: Path,
        tests: str | None,
        unfit: tuple[str, ...],
        progress: Progress,
    ) -> None:
        self._workspace = workspace
        self._name = workspace.name
        self._output = output
        self._tests = tests
        self._unfit = unfit
        self._progress = progress
        self._deployment = LabDeployment(self._name, tuple(workspace.layouts))
        self._overrides = labs.find(self._name)[1].overrides
        self._ground = Ground(tuple(workspace.layouts.values()))

    def nova(self, mutants: Iterable[NovaMutant], copy: Path) -> Iterator[Trial]:
        """Try mutants of Nova; the copy and the services are as they were at the end."""
        stale: set[Service] = set()
        try:
            for mutant in mutants:
                begun_s = time.monotonic()
                if lacks := need.lacks(mutant.needs, self._ground):
                    yield self._unseen(mutant, "; ".join(lacks))
                    continue
                concerned = services(mutant)
                with mutated.applied(mutant, copy):
                    reason = self._restart(stale | concerned)
                    run = None if reason else self._run(mutant)
                yield self._told(mutant, run, begun_s, reason)
                stale = concerned
                if reason or not self._is_clean():
                    self._reset(stale)
                    stale = set()
        finally:
            if stale:
                self._restart(stale)

    def host(self, mutant: HostMutant) -> Trial:
        """Try a host; it is what it was at the end."""
        begun_s = time.monotonic()
        with self._broken(mutant):
            run = self._run(mutant)
        if not self._is_clean():
            self._reset(set())
        return self._told(mutant, run, begun_s, "")

    @contextmanager
    def _broken(self, mutant: HostMutant) -> Iterator[None]:
        """A host that is not what it should be while the block runs."""
        host, layout = next(iter(self._workspace.layouts.items()))
        self._progress(f"mutant {mutant.name}: {mutant.breaks}")
        if mutant.hardware is not None:
            with self._deployment.rewired(host, mutant.hardware(layout)):
                yield
            return
        try:
            if mutant.script is not None:
                limit_s = _SCRIPT_LIMIT_S * speed.slowness()
                with hosts.connected(host) as (_, machine):
                    machine.run(["sh", "-c", mutant.script(layout)], timeout_s=limit_s)
                # It reads a device's node once.
                self._deployment.restart(LIBVIRT, host)
            elif mutant.companion is not None:
                device = mutant.companion(layout)
                self._deployment.unplug(host, device.address)
                emulated.run(["plug", host, str(device.address), "--companion"], self._progress)
            self._deployment.restart(NOVA_COMPUTE, host)
            yield
        finally:
            self._deployment.reboot(host)

    def _restart(self, concerned: set[Service]) -> str:
        """Have services run the copy as it is now; why they do not."""
        try:
            restarting.restart(self._name, sorted(concerned), self._progress)
        except (ServiceError, InputError) as error:
            return str(error)
        return ""

    def _run(self, mutant: Mutant) -> Run:
        pattern = self._tests or mutant.tests
        self._progress(f"mutant {mutant.name}: {mutant.breaks}")
        return tests(self._workspace, pattern, self._output / mutant.name, self._progress)

    def _unseen(self, mutant: Mutant, reason: str) -> Trial:
        self._progress(f"mutant {mutant.name}: {reason}")
        return Trial(mutant.name, mutant.breaks, mutant.reference, Fate.UNSEEN, (), 0, 0.0, reason)

    def _told(self, mutant: Mutant, run: Run | None, begun_s: float, reason: str) -> Trial:
        fate = Fate.STILLBORN
        killers: tuple[str, ...] = ()
        ran: tuple[str, ...] = ()
        if run is not None:
            ran = _ran(run)
            fate, killers = mutation.judged(ran, failed(run), self._unfit)
        self._progress(f"mutant {mutant.name}: {fate}")
        elapsed_s = time.monotonic() - begun_s
        return Trial(
            mutant.name,
            mutant.breaks,
            mutant.reference,
            fate,
            killers,
            len(ran),
            elapsed_s,
            reason,
        )

    def _is_clean(self) -> bool:
        """Whether nobody holds anything of the lab's hosts, and options are what they were."""
        if labs.find(self._name)[1].overrides != self._overrides:
            return False
        settings = labs.settings(self._name)
        for number in range(_LOOKS):
            if number:
                time.sleep(_LOOK_S * speed.slowness())
            try:
                with Cloud.open(settings) as cloud:
                    placement, database = viewing.placement(cloud), viewing.database(settings)
                    held = [
                        leak
                        for host, layout in self._workspace.layouts.items()
                        for nova in (database.look(host),)
                        for leak in leaks(
                            Node(host, layout).look(),
                            nova,
                            placement.all(placement.tree(nova.compute_node)),
                        )
                    ]
            except VhostError:
                continue
            if not held:
                return True
        return False

    def _reset(self, stale: set[Service]) -> None:
        """Bring the lab back to when it was ready, with the copy as it is now."""
        self._progress("something is left of it; the lab is brought back to when it was ready")
        self._restart(stale)
        lifecycle.reset(self._name, self._progress)
        self._overrides = labs.find(self._name)[1].overrides


def services(mutant: NovaMutant) -> set[Service]:
    """Those that must be restarted to be the mutant's."""
    return {
        service
        for edit in mutant.edits
        for service in next(them for start, them in _READERS if edit.path.startswith(start))
    }


def tests(workspace: Workspace, pattern: str, output: Path, progress: Progress) -> Run:
    """Run the tests that match a regular expression; a stream of them goes to *output*."""
    return testing.run(workspace, ["--regex", pattern], output, progress)[0]


def failed(run: Run) -> tuple[str, ...]:
    """The tests that failed."""
    return tuple(outcome.test for outcome in run.outcomes if not outcome.verdict.is_good)


def _ran(run: Run) -> tuple[str, ...]:
    return tuple(outcome.test for outcome in run.outcomes if outcome.verdict.has_run)
