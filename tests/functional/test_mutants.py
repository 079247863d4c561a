# SPDX-License-Identifier: Apache-2.0
"""The mutants fit the Nova of every release that a lab can be of, and scenarios notice them.

Those that only decide are tried here, in Nova's own code without a cloud; the others take a lab.
"""

import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from testtools.testcase import _ExpectedFailure

from tests.oracle import deciding
from tests.oracle.oracle import running
from tests.unit.scenarios import Kind, simulated
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.lab.environment import environment, release
from vhost_tempest_plugin.lab.environment.tree import PACKAGE
from vhost_tempest_plugin.mutation import NovaMutant, catalogue, mutated
from vhost_tempest_plugin.mutation.edit import Edit
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.requires import declared
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import speed

_LIMIT_S = 300
TOPOLOGIES = ("small", "lopsided", "smt", "sockets")
# Services refuse to start, or have Placement beside them.
OF_SERVICES = {"bug-2111440", "bug-2102038", "bug-2098496", "pcpus-never-asked-for"}

Placed = tuple[type[ScenarioTest], str, str]


class FitTest(unittest.TestCase):
    """The sources are those of the packages that the releases' constraints name."""

    sources: ClassVar[dict[str, Path]]
    mutants: ClassVar[list[NovaMutant]]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.mutants = [m for m in catalogue.load() if isinstance(m, NovaMutant)]
        base = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.sources = {}
        for name, known in release.catalogue().items():
            wanted = f"{PACKAGE}=={known.pins()[PACKAGE]}"
            where = base / name
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", where, wanted],
                check=True,
                timeout=_LIMIT_S * speed.timeout_scale(),
            )
            [wheel] = where.glob("*.whl")
            zipfile.ZipFile(wheel).extractall(where)
            cls.sources[name] = where

    def texts(self, release_name: str, mutant: NovaMutant) -> dict[str, str]:
        top = self.sources[release_name]
        return {edit.path: (top / edit.path).read_text() for edit in mutant.edits}

    def each(self) -> list[tuple[str, NovaMutant]]:
        return [(name, mutant) for name in self.sources for mutant in self.mutants]

    def test_each_applies_and_compiles(self) -> None:
        for name, mutant in self.each():
            with self.subTest(release=name, mutant=mutant.name):
                texts = self.texts(name, mutant)
                changed = mutated(texts, mutant.edits)
                self.assertEqual(texts.keys(), changed.keys())
                for path, text in changed.items():
                    self.assertNotEqual(texts[path], text)
                    compile(text, path, "exec")

    def test_each_can_be_undone(self) -> None:
        for name, mutant in self.each():
            edits = tuple(Edit(e.path, e.new, e.old) for e in reversed(mutant.edits) if e.new)
            if len(edits) < len(mutant.edits) or not all(
                mutated(self.texts(name, mutant), mutant.edits)[e.path].count(e.old) == 1
                for e in edits
            ):
                # What was taken out, or is like something else, cannot be found again.
                continue
            with self.subTest(release=name, mutant=mutant.name):
                texts = self.texts(name, mutant)
                self.assertEqual(texts, mutated(mutated(texts, mutant.edits), edits))

    def test_enough_of_them_are_real_bugs(self) -> None:
        self.assertGreaterEqual(sum(mutant.bug is not None for mutant in self.mutants), 10)


class DecisionTest(unittest.TestCase):
    """Scenarios on a simulated cloud in which a mutant decides."""

    def test_each_is_noticed_by_the_tests_that_are_for_it(self) -> None:
        made = environment.obtain(release.find())
        layouts = {name: catalog.find(name) for name in TOPOLOGIES}
        aliases = pci_devices.aliases(layouts.values())
        chosen = [m for m in catalogue.load() if isinstance(m, NovaMutant) and deciding.decides(m)]
        own = {mutant.name: list(_tests(mutant.tests, layouts)) for mutant in chosen}
        self.assertEqual(OF_SERVICES, {name for name, found in own.items() if not found})
        every = list(dict.fromkeys(test for found in own.values() for test in found))
        with running(made.path, aliases) as oracle:
            self.assertEqual(set(), deciding.failures(every, oracle))
        for mutant in chosen:
            if mutant.name in OF_SERVICES:
                continue
            with (
                self.subTest(mutant=mutant.name),
                tempfile.TemporaryDirectory() as directory,
            ):
                deciding.made(mutant, made.packages, Path(directory))
                with running(made.path, aliases, Path(directory)) as oracle:
                    self.assertNotEqual(set(), deciding.failures(own[mutant.name], oracle))


class MistakeTest(unittest.TestCase):
    """Scenarios of known bugs fail with the known facts where Nova's own code decides."""

    def test_they_are_expected_failures(self) -> None:
        made = environment.obtain(release.find())
        layouts = {name: catalog.find(name) for name in TOPOLOGIES}
        with running(made.path, pci_devices.aliases(layouts.values())) as oracle:
            for case, name, topology in _tests(r"\.MistakeTest\.", layouts):
                with (
                    self.subTest(topology, test=name),
                    self.assertRaises(_ExpectedFailure),
                ):
                    deciding.Decided(case, name, topology, oracle).perform()


def _tests(pattern: str, layouts: Mapping[str, Layout]) -> Iterator[Placed]:
    """The scenarios that match, on each host where they must run."""
    for topology, layout in layouts.items():
        environment = TestEnvironment((layout,), frozenset(DriverCapability))
        for case, name in simulated(Kind.PLAIN):
            full = f"{case.__module__}.{case.__name__}.{name}"
            if re.search(pattern, full) and not requirement.unmet(
                declared(case, name), environment
            ):
                yield case, name, topology
