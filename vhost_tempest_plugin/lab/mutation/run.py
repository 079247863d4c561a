# SPDX-License-Identifier: Apache-2.0
"""The mutation check: whether the tests notice what is broken on purpose.

Mutants are tried one after the other in one lab; after each the services run from the copy of
Nova as it was, or are about to with the next one's edits.  A lab in which a mutant has left
something is brought back to when it was ready.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.lab import lifecycle, tempest
from vhost_tempest_plugin.lab.environment import mutant_tree
from vhost_tempest_plugin.lab.hosts import options
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.mutation import trial as trial_run
from vhost_tempest_plugin.lab.spec import LabSpec
from vhost_tempest_plugin.mutation import HostMutant, Mutant, NovaMutant
from vhost_tempest_plugin.report.results import TestVerdict
from vhost_tempest_plugin.report.results.mutation import MutantResult, Mutation
from vhost_tempest_plugin.util.progress import Progress


def run(
    name: str,
    mutants: Sequence[Mutant],
    output: Path,
    progress: Progress,
    tests: str | None = None,
    keep: Callable[[Mutation], object] = lambda so_far: None,
) -> Mutation:
    """Try mutants in a lab; it has what it had afterwards.

    :param tests: a regular expression of those to run for each of them, in place of its own
    :param keep: is given what is known after each of them
    :raises InputError: the lab is not up, options that tests count on were set by hand in it, no
        test passes in it, or a mutant does not fit its Nova
    """
    begun_s = time.monotonic()
    put_back(name, progress)
    options.require_computed(Lab.running(name).settings)
    workspace = tempest.prepare(name)
    patterns = sorted({tests or mutant.tests for mutant in mutants})
    progress(f"the tests without any mutant: {len(patterns)} patterns")
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    sound = trial_run.tests(workspace, joined, output / "none", progress)
    unfit = trial_run.failed(sound)
    if not sound.count(TestVerdict.PASSED):
        raise InputError(
            "no test passes without any mutant",
            hint=f"see {VhostCommand('lab', 'test', name=name)}",
        )
    if unfit:
        progress(f"{len(unfit)} tests fail without any mutant and do not count")
    ours = [mutant for mutant in mutants if isinstance(mutant, NovaMutant)]
    theirs = [mutant for mutant in mutants if isinstance(mutant, HostMutant)]
    bench = trial_run.MutationRun(workspace, output, tests, unfit, progress)
    trials: list[MutantResult] = []

    def so_far() -> Mutation:
        elapsed_s = time.monotonic() - begun_s
        return Mutation(f"Mutants in the lab {name}", tuple(trials), unfit, elapsed_s)

    with _copied(name, progress) if ours else nullcontext(Path()) as copy:
        for trial in bench.nova(ours, copy):
            trials.append(trial)
            keep(so_far())
    for mutant in theirs:
        trials.append(bench.host(mutant))
        keep(so_far())
    return so_far()


def put_back(name: str, progress: Progress) -> None:
    """Give a lab the Nova that it had, where a mutation check that was killed left it mutated.

    :raises InputError: the lab is not up
    """
    lab = Lab.running(name)
    if mutant_tree.is_mutated(lab.directory, lab.record):
        progress(f"lab {name!r} runs a mutant; it is given back what it had")
        _give(name, mutant_tree.before(lab.directory, lab.record), progress)
        lifecycle.reset(name, progress)


@contextmanager
def _copied(name: str, progress: Progress) -> Iterator[Path]:
    """A lab that runs a copy of its Nova while the block runs."""
    lab = Lab.running(name)
    progress("a copy of the lab's Nova is made, and run")
    copy = mutant_tree.make(lab.directory, lab.record, lab.environment)
    try:
        _give(name, copy, progress)
        yield copy
    finally:
        progress("the lab is given back its Nova")
        _give(name, lab.record.nova, progress)


def _give(name: str, nova: Path | None, progress: Progress) -> None:
    lifecycle.up(LabSpec(name, nova=nova, release_nova=nova is None), progress)
