# SPDX-License-Identifier: Apache-2.0
"""The jobs' split is what the timings say, and leaves no test out."""

import importlib.util
import sys
import types
import unittest
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from vhost_tempest_plugin.mutation import catalogue
from vhost_tempest_plugin.report.results import junit
from vhost_tempest_plugin.report.results.outcome import Run, TestOutcome, TestVerdict

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def tool(name: str) -> types.ModuleType:
    """A program of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look themselves up there.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


shards = tool("shards")
jobs_graph = tool("jobs_graph")

CLASSES = [f"vhost_tempest_plugin.scenario.test_{name}.Test" for name in "abcdefgh"]


def written(**durations_s: float) -> str:
    """A run of tests of the first class, as ``vhost lab test`` writes it."""
    outcomes = [
        TestOutcome(f"{CLASSES[0]}.{name}", TestVerdict.PASSED, "", duration_s)
        for name, duration_s in durations_s.items()
    ]
    other = TestOutcome("tempest.api.compute.Test.test_z", TestVerdict.PASSED, "", 99.0)
    return junit.render(Run("", (*outcomes, other), 0.0))


SLOW = frozenset({f"{CLASSES[0]}.test_y"})

durations = st.dictionaries(
    st.sampled_from(CLASSES),
    st.dictionaries(st.sampled_from(["other", "slow"]), st.floats(0.1, 900), min_size=1),
)


def timings(found: dict[str, dict[str, float]], limit_s: float = 1000) -> dict[str, object]:
    jobs = {"full": {"topology": "small", "voting": True}}
    return {"limit_s": limit_s, "jobs": jobs, "durations_s": {"small": found}}


class SplitTest(unittest.TestCase):
    @given(durations)
    def test_each_test_is_run_once(self, found: dict[str, dict[str, float]]) -> None:
        made = shards.shards(timings(found))
        self.assertEqual(len(made), len({shard.name for shard in made}))
        for name in [*CLASSES, "vhost_tempest_plugin.scenario.test_new.Test"]:
            for tags in ("id-1", "id-1,slow", "id-1,smoke", "compute,id-1,slow"):
                test = f"{name}.test_x[{tags}]"
                self.assertEqual(1, sum(shard.runs(test) for shard in made), test)

    @given(durations)
    def test_no_job_has_more_than_a_fair_share_and_one_class(
        self, found: dict[str, dict[str, float]]
    ) -> None:
        for shard in shards.shards(timings(found)):
            taken = [
                duration_s
                for name, sums in found.items()
                for kind, duration_s in sums.items()
                if shard.runs(f"{name}.test_x[id-1{',slow' if kind == 'slow' else ''}]")
            ]
            self.assertLessEqual(sum(taken), 1000 + max(taken, default=0))

    def test_what_fits_is_one_job(self) -> None:
        (only,) = shards.shards(timings({CLASSES[0]: {"other": 999, "slow": 1}}))
        self.assertEqual(("vhost-tempest-plugin-full", ""), (only.name, only.exclude))

    def test_what_does_not_is_split_by_tag_then_by_class(self) -> None:
        found = {name: {"other": 400.0} for name in CLASSES[:5]} | {CLASSES[6]: {"slow": 600.0}}
        made = shards.shards(timings(found))
        names = [shard.name.removeprefix("vhost-tempest-plugin-full-") for shard in made]
        self.assertEqual(["1", "2", "slow"], names)

    def test_no_test_of_others_is_run(self) -> None:
        for shard in shards.shards(timings({name: {"other": 900.0} for name in CLASSES})):
            self.assertFalse(shard.runs("tempest.api.compute.Test.test_x[id-1]"))


class FileTest(unittest.TestCase):
    def test_the_jobs_are_those_of_the_timings(self) -> None:
        wanted = shards.document(yaml.safe_load(shards.TIMINGS.read_text()))
        self.assertEqual(wanted, shards.JOBS.read_text(), "run 'tools/shards.py write'")

    def test_the_picture_is_that_of_the_jobs(self) -> None:
        self.assertEqual(
            jobs_graph.graph(), jobs_graph.GRAPH.read_text(), "run 'tools/jobs_graph.py'"
        )

    def test_each_mutant_is_tried_by_one_job(self) -> None:
        asked = [
            job.get("vars", {}).get("vhost_lab_tests", []) for job in jobs_graph.stanzas("job")
        ]
        patterns = [
            word.removeprefix("--mutants=")
            for words in asked
            for word in words
            if word.startswith("--mutants=")
        ]
        tried = [mutant.name for pattern in patterns for mutant in catalogue.chosen(pattern)]
        self.assertEqual(sorted(mutant.name for mutant in catalogue.chosen("")), sorted(tried))

    def test_every_timing_is_of_a_class_that_there_is(self) -> None:
        known = {
            path.stem
            for path in (TOOLS.parent / "vhost_tempest_plugin" / "scenario").glob("test_*.py")
        }
        for found in yaml.safe_load(shards.TIMINGS.read_text())["durations_s"].values():
            self.assertLessEqual({name.split(".")[2] for name in found}, known)

    def test_a_run_is_recorded(self) -> None:
        known = timings({})
        pieces = (
            written(test_x=99.0, test_z=1.0),
            written(test_x=10.25, test_y=20.0, test_z=0.0),
        )
        shards.record(known, "small", pieces, SLOW)
        self.assertEqual(timings({CLASSES[0]: {"other": 11.2, "slow": 20.0}}), known)

    def test_a_run_on_an_unknown_topology_is_not(self) -> None:
        with self.assertRaisesRegex(SystemExit, "no job has the topology 'wide'"):
            shards.record(timings({}), "wide", [written(test_x=1.0)], SLOW)

    def test_another_topology_stands_in(self) -> None:
        known = timings({})
        known["jobs"]["full"]["timed_on"] = "wide"  # type: ignore[index]
        shards.record(known, "wide", [written(test_x=1.0)], SLOW)
        self.assertEqual({CLASSES[0]: {"other": 1.0}}, known["durations_s"]["wide"])  # type: ignore[index]
        self.assertEqual(["small"], [shard.topology for shard in shards.shards(known)])

    def test_slow_tests_are_those_with_the_tag(self) -> None:
        name = "vhost_tempest_plugin.scenario.{}"
        slow = shards.slow_tests()
        self.assertIn(name.format("test_life.ResizeTest.test_first_device"), slow)
        self.assertNotIn(name.format("test_life.PowerTest.test_hard_reboot_keeps_the_device"), slow)

    def test_jobs_that_do_not_vote(self) -> None:
        known = timings({name: {"other": 900.0} for name in CLASSES[:2]})
        known["jobs"]["full"]["voting"] = False  # type: ignore[index]
        (template,) = [s for s in yaml.safe_load(shards.document(known)) if "project-template" in s]
        jobs = template["project-template"]["check"]["jobs"]
        self.assertEqual([{"voting": False}] * 2, [next(iter(job.values())) for job in jobs])
