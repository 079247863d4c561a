# SPDX-License-Identifier: Apache-2.0
"""What long work tells."""

import queue
import unittest
from contextlib import closing

from vhost_tempest_plugin.util.progress import Pulse

LIMIT_S = 60


class PulseTest(unittest.TestCase):
    def test_what_goes_on_is_told_until_it_ends(self) -> None:
        told: queue.Queue[str] = queue.Queue()
        with closing(Pulse(told.put, 0.01)) as pulse:
            pulse.begin("one")
            pulse.begin("another")
            words = set()
            while words != {"one", "another"}:
                line = told.get(timeout=LIMIT_S)
                self.assertRegex(line, r"\Arunning +\d+\.\d s  \w+\Z")
                words.add(line.split()[-1])
            pulse.end("one")
            while not told.empty():
                told.get()
            self.assertTrue(told.get(timeout=LIMIT_S).endswith("another"))
        while not told.empty():
            self.assertTrue(told.get().endswith("another"))

    def test_what_ends_soon_is_not_told(self) -> None:
        told: list[str] = []
        with closing(Pulse(told.append, LIMIT_S)) as pulse:
            pulse.begin("one")
            pulse.end("one")
            pulse.end("what never began")
            pulse.begin("another")
        self.assertEqual([], told)
