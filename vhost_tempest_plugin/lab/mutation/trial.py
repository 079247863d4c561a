# SPDX-License-Identifier: Apache-2.0
"""One mutant after the other in a lab, each with the tests that are for it."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.driver import LIBVIRT, NOVA_COMPUTE, StartError
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.errors import InputError, VhostError
from vhost_tempest_plugin.host import jobs, owner, status
from vhost_tempest_plugin.host.worker_protocol import Plug
from vhost_tempest_plugin.lab import lifecycle, restart, tempest
from vhost_tempest_plugin.lab.deployment import LabDeployment
from vhost_tempest_plugin.lab.environment import mutant_tree
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.services import readers
from vhost_tempest_plugin.lab.tempest import Workspace
from vhost_tempest_plugin.mutation import HostMutant, Mutant, NovaMutant
from vhost_tempest_plugin.nova.readers import ComputeHostReader
from vhost_tempest_plugin.nova.views import leaks
from vhost_tempest_plugin.report.results import Run, mutation, report
from vhost_tempest_plugin.report.results.mutation import Fate, MutantResult
from vhost_tempest_plugin.util import speed
from vhost_tempest_plugin.util.progress import Progress
from vhost_tempest_plugin.util.waiting import TimedOutError, wait_for

_API, _COMPUTE = Service.NOVA_API, Service.NOVA_COMPUTE
_SCHEDULER, _CONDUCTOR = Service.NOVA_SCHEDULER, Service.NOVA_CONDUCTOR
# Who has imported a file of Nova's; all where it is not named.  The first that fits counts.
_IMPORTERS = (
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


class MutationRun:
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
        self._overrides = Lab.find(self._name).record.overrides
        self._environment = TestEnvironment(tuple(workspace.layouts.values()))

    def nova(self, mutants: Iterable[NovaMutant], copy: Path) -> Iterator[MutantResult]:
        """Try mutants of Nova; the copy and the services are as they were at the end."""
        stale: set[Service] = set()
        try:
            for mutant in mutants:
                begun_s = time.monotonic()
                if unmet := requirement.unmet(mutant.requires, self._environment):
                    yield self._unseen(mutant, "; ".join(unmet))
                    continue
                concerned = services(mutant)
                with mutant_tree.applied(mutant, copy):
                    reason = self._restart(stale | concerned)
                    run = None if reason else self._run(mutant)
                yield self._reported(mutant, run, begun_s, reason)
                stale = concerned
                if reason or not self._is_clean():
                    self._reset(stale)
                    stale = set()
        finally:
            if stale:
                self._restart(stale)

    def host(self, mutant: HostMutant) -> MutantResult:
        """Try a host; it is what it was at the end."""
        begun_s = time.monotonic()
        with self._broken(mutant):
            run = self._run(mutant)
        if not self._is_clean():
            self._reset(set())
        return self._reported(mutant, run, begun_s, "")

    @contextmanager
    def _broken(self, mutant: HostMutant) -> Iterator[None]:
        """A host that is not what it should be while the block runs."""
        host, layout = next(iter(self._workspace.layouts.items()))
        self._progress(f"mutant {mutant.name}: {mutant.breaks}")
        if mutant.hardware is not None:
            with self._deployment.with_hardware(host, mutant.hardware(layout)):
                yield
            return
        try:
            if mutant.script is not None:
                limit_s = _SCRIPT_LIMIT_S * speed.timeout_scale()
                with status.connected(host) as (_, connection):
                    connection.run(["sh", "-c", mutant.script(layout)], timeout_s=limit_s)
                # It reads a device's node once.
                self._deployment.restart(LIBVIRT, host)
            elif mutant.companion is not None:
                device = mutant.companion(layout)
                self._deployment.unplug(host, device.address)
                plug = Plug(host, owner.lab(self._name), device.address, multifunction=True)
                jobs.run(plug, self._progress)
            self._deployment.restart(NOVA_COMPUTE, host)
            yield
        finally:
            self._deployment.reboot(host)

    def _restart(self, concerned: set[Service]) -> str:
        """Have services run the copy as it is now; why they do not."""
        try:
            restart.restart(self._name, sorted(concerned), self._progress)
        except (StartError, InputError) as error:
            return str(error)
        return ""

    def _run(self, mutant: Mutant) -> Run:
        pattern = self._tests or mutant.tests
        self._progress(f"mutant {mutant.name}: {mutant.breaks}")
        return tests(self._workspace, pattern, self._output / mutant.name, self._progress)

    def _unseen(self, mutant: Mutant, reason: str) -> MutantResult:
        self._progress(f"mutant {mutant.name}: {reason}")
        return MutantResult(
            mutant.name, mutant.breaks, mutant.reference, Fate.UNSEEN, (), 0, 0.0, reason
        )

    def _reported(
        self, mutant: Mutant, run: Run | None, begun_s: float, reason: str
    ) -> MutantResult:
        fate = Fate.STILLBORN
        killers: tuple[str, ...] = ()
        ran: tuple[str, ...] = ()
        if run is not None:
            ran = _ran(run)
            fate, killers = mutation.mutant_results(ran, failed(run), self._unfit)
        self._progress(f"mutant {mutant.name}: {fate}")
        elapsed_s = time.monotonic() - begun_s
        return MutantResult(
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
        lab = Lab.find(self._name)
        if lab.record.overrides != self._overrides:
            return False
        settings = lab.settings

        def is_free() -> bool:
            try:
                with Cloud.open(settings) as cloud:
                    placement, database = cloud.placement, readers.database(settings)
                    return not any(
                        leak
                        for host, layout in self._workspace.layouts.items()
                        for nova in (database.view(host),)
                        for leak in leaks(
                            ComputeHostReader(host, layout).view(),
                            nova,
                            placement.all(placement.tree(nova.compute_node)),
                        )
                    )
            except VhostError:
                return False

        try:
            return wait_for(is_free, "all to be free", (_LOOKS - 1) * _LOOK_S, poll_s=_LOOK_S)
        except TimedOutError:
            return False

    def _reset(self, stale: set[Service]) -> None:
        """Bring the lab back to when it was ready, with the copy as it is now."""
        self._progress("something is left of it; the lab is brought back to when it was ready")
        self._restart(stale)
        lifecycle.reset(self._name, self._progress)
        self._overrides = Lab.find(self._name).record.overrides


def services(mutant: NovaMutant) -> set[Service]:
    """Those that must be restarted to be the mutant's."""
    return {
        service
        for edit in mutant.edits
        for service in next(them for start, them in _IMPORTERS if edit.path.startswith(start))
    }


def tests(workspace: Workspace, pattern: str, output: Path, progress: Progress) -> Run:
    """Run the tests that match a regular expression; their results go to *output*."""
    run, _ = tempest.run(workspace, ["--regex", pattern], output, progress)
    report.write(run, workspace.layouts, output)
    return run


def failed(run: Run) -> tuple[str, ...]:
    """The tests that failed."""
    return tuple(outcome.test for outcome in run.outcomes if not outcome.verdict.is_good)


def _ran(run: Run) -> tuple[str, ...]:
    return tuple(outcome.test for outcome in run.outcomes if outcome.verdict.has_run)
