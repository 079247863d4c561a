# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.scenario.stopwatch import Stopwatch


class StopwatchTest(unittest.TestCase):
    def test_what_is_not_waited_for_is_our_own(self) -> None:
        now_s = 100.0
        watch = Stopwatch(lambda: now_s)
        now_s += 1
        with watch.waiting("status"):
            now_s += 20
            with watch.waiting("the API"):
                now_s += 2
        now_s += 3
        with self.assertRaises(ValueError), watch.waiting("status"):
            now_s += 5
            raise ValueError
        self.assertEqual({"status": 27.0}, watch.waited_s)
        self.assertEqual(31.0, watch.total_s)
        self.assertEqual(4.0, watch.own_s)
