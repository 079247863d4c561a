# SPDX-License-Identifier: Apache-2.0
"""Which tests must run on which of the topologies of this package."""

import os
import unittest
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.scenario import required_tests
from vhost_tempest_plugin.topology import catalog

GOLDEN = Path(__file__).parent / "golden" / "required_tests.txt"
REGENERATE = "VHOST_REGENERATE_GOLDEN"
_PACKAGE = "vhost_tempest_plugin.scenario."


class RequiredTestsTest(unittest.TestCase):
    """Those that are not in the golden file must run on all.

    VHOST_REGENERATE_GOLDEN=1 writes it anew; read the difference before committing.
    """

    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        self.lists: dict[str, list[str]] = {}
        for name in catalog.names():
            environment = TestEnvironment(
                (catalog.find(name),) * 2,
                frozenset(DriverCapability),
                frozenset(TempestFeature),
            )
            for entry in required_tests.entries(environment):
                on = self.lists.setdefault(entry.id.removeprefix(_PACKAGE), [])
                if entry.must_run:
                    on.append(name)

    def test_lists(self) -> None:
        every = list(catalog.names())
        text = "".join(
            f"{test}: {' '.join(on)}\n" for test, on in self.lists.items() if on != every
        )
        if os.environ.get(REGENERATE):
            GOLDEN.write_text(text)
        self.assertEqual(GOLDEN.read_text(), text, f"set {REGENERATE}=1 if this is meant")

    def test_each_runs_somewhere(self) -> None:
        """A test of hardware that no topology has shows nothing."""
        self.assertEqual([], [test for test, on in self.lists.items() if not on])
