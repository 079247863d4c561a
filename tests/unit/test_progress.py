# SPDX-License-Identifier: Apache-2.0
"""What long work tells."""

import queue
import unittest

from vhost_tempest_plugin.progress import Pulse

LIMIT_S = 60


class PulseTest(unittest.TestCase):
    def test_what_goes_on_is_told_until_something_else_does(self) -> None:
        told: queue.Queue[str] = queue.Queue()
        with Pulse(told.put, 0.01) as pulse:
            for what in ("one", "another"):
                pulse.begin(what)
                for _ in range(2):
                    self.assertRegex(told.get(timeout=LIMIT_S), rf"\Arunning +\d+\.\d s  {what}\Z")
                pulse.end()
                while not told.empty():
                    told.get()
        self.assertTrue(told.empty())

    def test_what_ends_soon_is_not_told(self) -> None:
        told: list[str] = []
        with Pulse(told.append, LIMIT_S) as pulse:
            pulse.begin("one")
            pulse.begin("another")
        self.assertEqual([], told)
