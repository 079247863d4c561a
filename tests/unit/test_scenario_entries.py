# SPDX-License-Identifier: Apache-2.0
"""What each scenario needs beside its code: an id, tags of the documentation, a simulation."""

import re
import unittest
from collections import Counter
from pathlib import Path

from tests.unit.scenarios import NOT_SIMULATED, cases, name_of, test_names

DOC = Path(__file__).resolve().parents[2] / "doc" / "source" / "user" / "scenarios.rst"
ATTRIBUTES = "__testtools_attrs"
ID = re.compile(r"id-[0-9a-f-]{36}")


def documented() -> set[str]:
    """The tags of the table in the documentation."""
    _, _, after = DOC.read_text().partition("\nTags\n====\n")
    rows = after.partition("\n\n``")[0].splitlines()
    return {line.split()[0] for line in rows if line and line[0].isalpha()} - {"tag"}


class EntriesTest(unittest.TestCase):
    """Fails with the name of the test and what it lacks."""

    def setUp(self) -> None:
        self.marks = {
            f"{name_of(case)}.{name}": set(getattr(getattr(case, name), ATTRIBUTES, ()))
            for case in cases()
            for name in test_names(case)
        }

    def test_each_has_an_id_of_its_own(self) -> None:
        """``decorators.idempotent_id``."""
        ids = {name: [m for m in marks if ID.fullmatch(m)] for name, marks in self.marks.items()}
        self.assertEqual([], [name for name, found in ids.items() if len(found) != 1])
        counts = Counter(found[0] for found in ids.values())
        self.assertEqual([], [name for name, found in ids.items() if counts[found[0]] > 1])

    def test_each_has_tags_that_are_documented(self) -> None:
        """``decorators.attr(type=[...])``; the table is in doc/source/user/scenarios.rst."""
        known, used = documented(), set()
        for name, marks in self.marks.items():
            tags = {mark for mark in marks if not ID.fullmatch(mark)}
            used |= tags
            with self.subTest(name):
                self.assertNotEqual(set(), tags - {"slow", "smoke"}, "no tag says what it is about")
                self.assertEqual(set(), tags - known, "not in the table of doc/…/scenarios.rst")
        self.assertEqual(set(), known - used, "no test has these tags")

    def test_what_is_not_simulated_is_there(self) -> None:
        self.assertEqual(set(), NOT_SIMULATED.keys() - {name_of(case) for case in cases()})

    def test_each_says_what_it_shows(self) -> None:
        self.assertEqual([], [name_of(case) for case in cases() if not case.__doc__])
