# SPDX-License-Identifier: Apache-2.0
"""Which tests must run on what there is: those whose requirements are met.

What belongs to them follows from the tests' own declarations and from topologies; nothing is
asked and nothing has to run.
"""

import re
import unittest
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.scenario.requires import declared

_TOP = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Entry:
    """A test of this plugin.

    :param id: its full name, without what tempest adds in brackets
    :param tags: those of ``tempest run``'s attributes, ``smoke`` and ``slow`` among them
    :param unmet: why it cannot run; none where it must
    """

    id: str
    tags: frozenset[str]
    unmet: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """The id with its tags in brackets, as ``tempest run`` holds patterns against it."""
        return f"{self.id}[{','.join(sorted(self.tags))}]"

    @property
    def must_run(self) -> bool:
        """Whether all that it needs is there."""
        return not self.unmet


def entries(environment: TestEnvironment) -> tuple[Entry, ...]:
    """All tests of this plugin, by name.

    :raises VhostError: a module of them cannot be imported
    """
    suite = unittest.TestLoader().discover(str(Path(__file__).parent), top_level_dir=str(_TOP))
    found = []
    for test in _tests(suite):
        if isinstance(failure := getattr(test, "_exception", None), BaseException):
            last = str(failure).strip().splitlines()[-1]
            raise VhostError(f"a module of tests cannot be imported: {last}", hint="correct it")
        name, _, words = test.id().partition("[")
        tags = frozenset(word for word in words.rstrip("]").split(",") if word[:3] != "id-") - {""}
        unmet = requirement.unmet(declared(type(test), test._testMethodName), environment)
        found.append(Entry(name, tags, unmet))
    return tuple(sorted(found, key=lambda entry: entry.id))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tests are asked for; a test must match everything that is given.

    :param regex: matches the full name
    :param exclude_regex: does not match the full name
    """

    tag: str | None = None
    regex: re.Pattern[str] | None = None
    exclude_regex: re.Pattern[str] | None = None

    def matches(self, entry: Entry) -> bool:
        """Whether a test is among them."""
        name = entry.full_name
        return (
            (self.tag is None or self.tag in entry.tags)
            and (self.regex is None or self.regex.search(name) is not None)
            and (self.exclude_regex is None or self.exclude_regex.search(name) is None)
        )


def breaches(
    must: Iterable[Entry], ran: Iterable[str], selected: Iterable[str] | None = None
) -> tuple[str, ...]:
    """The tests that had to run and did not.

    :param ran: the ids of those that have passed or failed
    :param selected: only these were asked for; all where it is None
    """
    done = {_plain(name) for name in ran}
    asked = None if selected is None else {_plain(name) for name in selected}
    return tuple(
        entry.id
        for entry in must
        if entry.must_run and entry.id not in done and (asked is None or entry.id in asked)
    )


def _plain(name: str) -> str:
    return name.partition("[")[0]


def _tests(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _tests(item)
        else:
            yield item
