# SPDX-License-Identifier: Apache-2.0
"""What long work reports."""

import queue
import tempfile
import unittest
from contextlib import closing
from pathlib import Path

from vhost_tempest_plugin.util.current_wait import CurrentWait, read
from vhost_tempest_plugin.util.progress import Pulse

LIMIT_S = 60


class CurrentWaitTest(unittest.TestCase):
    def test_it_is_read_while_it_lasts(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name) / "records"
            wait = CurrentWait(directory, "package.test_x.XTest.test_y")
            self.assertEqual("", read(directory, "XTest.test_y"))
            wait("status ACTIVE")
            self.assertRegex(read(directory, "XTest.test_y"), r"^waits for status ACTIVE, \d+ s$")
            self.assertEqual("", read(directory, "Test.test_y"))
            wait("")
            self.assertEqual("", read(directory, "XTest.test_y"))
            self.assertEqual([], list(directory.iterdir()))


class PulseTest(unittest.TestCase):
    def test_what_goes_on_is_reported_until_it_ends(self) -> None:
        reported: queue.Queue[str] = queue.Queue()
        with closing(Pulse(reported.put, 0.01)) as pulse:
            pulse.begin("one")
            pulse.begin("another")
            words = set()
            while words != {"one", "another"}:
                line = reported.get(timeout=LIMIT_S)
                self.assertRegex(line, r"\Arunning +\d+\.\d s  \w+\Z")
                words.add(line.split()[-1])
            pulse.end("one")
            while not reported.empty():
                reported.get()
            self.assertTrue(reported.get(timeout=LIMIT_S).endswith("another"))
        while not reported.empty():
            self.assertTrue(reported.get().endswith("another"))

    def test_what_it_waits_for(self) -> None:
        reported: queue.Queue[str] = queue.Queue()
        with closing(Pulse(reported.put, 0.01, lambda what: f"{what} waits")) as pulse:
            pulse.begin("one")
            self.assertTrue(reported.get(timeout=LIMIT_S).endswith("  one: one waits"))

    def test_what_ends_soon_is_not_reported(self) -> None:
        reported: list[str] = []
        with closing(Pulse(reported.append, LIMIT_S)) as pulse:
            pulse.begin("one")
            pulse.end("one")
            pulse.end("what never began")
            pulse.begin("another")
        self.assertEqual([], reported)
