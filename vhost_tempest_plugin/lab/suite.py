# SPDX-License-Identifier: Apache-2.0
"""A run of tests on a lab, compared with the tests that must run on its hardware."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab import tempest, test_artifacts
from vhost_tempest_plugin.lab.hosts import options
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.mutation import run as mutation
from vhost_tempest_plugin.report.results import Run, report
from vhost_tempest_plugin.scenario import environment, required_tests
from vhost_tempest_plugin.util.progress import Progress


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What a run of tests left.

    :param page: the report
    :param is_good: every test is as it must be, and tempest found nothing wrong
    """

    run: Run
    page: Path
    is_good: bool


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests that were chosen for a lab.

    :param words: what ``tempest run`` takes to choose them
    :param tests: their names with their tags
    """

    workspace: tempest.Workspace
    words: tuple[str, ...]
    tests: tuple[str, ...]

    @classmethod
    def choose(
        cls, name: str, words: Sequence[str], progress: Progress, *, keep_servers: bool = False
    ) -> "Suite":
        """The tests of the lab *name* that *words* choose; a mutated lab gets its Nova back first.

        :param keep_servers: leave the servers of failed tests for debugging
        :raises InputError: the lab is not up, or no test matches
        """
        mutation.put_back(name, progress)
        workspace = tempest.prepare(name, keep_servers=keep_servers)
        tests = tempest.listed(workspace, words)
        if not tests:
            raise InputError(
                f"no test matches {' '.join(words)!r}", hint="give another --regex or option"
            )
        return cls(workspace, tuple(words), tests)

    def run(self, output: Path | None, concurrency: int, progress: Progress) -> SuiteResult:
        """Run the tests and write the report.

        :param output: the report's directory; None for the lab's own
        :param concurrency: how many tests may run at once
        :raises InputError: options that the plugin's own tests count on were set by hand
        """
        if any(re.match(tempest.OURS, test) for test in self.tests):
            options.require_computed(Lab.running(self.workspace.name).settings)
        output = output or self.workspace.directory / "report"
        words = [*self.words, "--concurrency", str(concurrency)]
        progress(f"{len(self.tests)} tests on the lab {self.workspace.name!r}")
        run, status = tempest.run(self.workspace, words, output, progress)
        ran = [outcome.test for outcome in run.outcomes if outcome.verdict.has_run]
        must = required_tests.entries(environment.read(self.workspace.configuration))
        run = replace(run, breaches=required_tests.breaches(must, ran, self.tests))
        test_artifacts.keep(self.workspace, output)
        page = report.write(run, self.workspace.layouts, output)
        return SuiteResult(run, page, run.is_good and status == 0)
