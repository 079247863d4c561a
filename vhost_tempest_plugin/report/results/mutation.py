# SPDX-License-Identifier: Apache-2.0
"""Which mutants were noticed, and by which tests."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from vhost_tempest_plugin.report import index, template
from vhost_tempest_plugin.util import atomic_file

JSON = "mutants.json"
PAGE = "mutants.html"


class Fate(StrEnum):
    """What became of a mutant.

    One that survives is a missing scenario; one that nobody looked at, for which the hardware
    lacks something, says nothing.
    """

    KILLED = "killed"
    SURVIVED = "survived"
    STILLBORN = "does not start"
    UNSEEN = "no test ran"


@dataclass(frozen=True, slots=True)
class MutantResult:
    """Of one mutant.

    :param reference: the report of its bug, if it is one
    :param killers: the tests that failed, and do not fail without it
    :param ran: how many tests ran
    :param reason: why it did not start, or what hardware it needs, where it was not tried
    """

    mutant: str
    breaks: str
    reference: str
    fate: Fate
    killers: tuple[str, ...]
    ran: int
    elapsed_s: float
    reason: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The killers by class and method."""
        return tuple(".".join(killer.split(".")[-2:]) for killer in self.killers)


@dataclass(frozen=True, slots=True)
class Mutation:
    """All of them.

    :param unfit: tests that fail without any mutant, and so say nothing
    """

    title: str
    trials: tuple[MutantResult, ...]
    unfit: tuple[str, ...]
    elapsed_s: float

    @property
    def is_good(self) -> bool:
        """Whether nothing survived and something was killed."""
        fates = {trial.fate for trial in self.trials}
        return Fate.KILLED in fates and Fate.SURVIVED not in fates

    @property
    def summary(self) -> str:
        """The counts in words; those of killed and survived are always there."""
        counts = {fate: sum(trial.fate is fate for trial in self.trials) for fate in Fate}
        always = (Fate.KILLED, Fate.SURVIVED)
        return ", ".join(f"{n} {fate}" for fate, n in counts.items() if n or fate in always)


def mutant_results(
    ran: Sequence[str], failed: Sequence[str], unfit: Sequence[str]
) -> tuple[Fate, tuple[str, ...]]:
    """What became of a mutant, and by whose hand.

    :param ran: the tests that ran with it
    :param failed: those of them that failed
    :param unfit: those that fail anyhow
    """
    killers = tuple(sorted(set(failed) - set(unfit)))
    if killers:
        return Fate.KILLED, killers
    return (Fate.SURVIVED if set(ran) - set(unfit) else Fate.UNSEEN), ()


def write(mutation: Mutation, output: Path) -> Path:
    """JSON and a page in the directory *output*; the path of the index of all."""
    output.mkdir(parents=True, exist_ok=True)
    fields = {"summary": mutation.summary, "good": mutation.is_good}
    atomic_file.write(
        output / JSON,
        json.dumps({**asdict(mutation), **fields}, indent=2) + "\n",
        mode=atomic_file.PUBLIC,
    )
    tried = {trial.mutant for trial in mutation.trials}
    pages = {name for name in tried if (output / name / index.INDEX).is_file()}
    page = template.render("mutants.html.j2", title=mutation.title, mutation=mutation, pages=pages)
    atomic_file.write(output / PAGE, page, mode=atomic_file.PUBLIC)
    return index.write(output)
