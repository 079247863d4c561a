# SPDX-License-Identifier: Apache-2.0
"""The mutants fit the Nova of every release that a lab can be of."""

import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from typing import ClassVar

from vhost_tempest_plugin import speed
from vhost_tempest_plugin.lab import release
from vhost_tempest_plugin.lab.tree import PACKAGE
from vhost_tempest_plugin.mutants import NovaMutant, catalogue, mutated
from vhost_tempest_plugin.mutants.edit import Edit

_LIMIT_S = 300


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
                timeout=_LIMIT_S * speed.slowness(),
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
