# SPDX-License-Identifier: Apache-2.0
import unittest
from collections.abc import Iterator
from contextlib import contextmanager

from vhost_tempest_plugin.scenario.clients.stopwatch import Stopwatch


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

    def test_inspection_is_our_own_without_its_waits(self) -> None:
        now_s = 100.0
        watch = Stopwatch(lambda: now_s)
        with watch.working("inspection"):
            now_s += 3
            with watch.waiting("release"):
                now_s += 20
        now_s += 1
        self.assertEqual({"inspection": 3.0}, watch.worked_s)
        self.assertEqual(4.0, watch.own_s)

    def test_what_is_waited_for_at_the_moment_is_known(self) -> None:
        news: list[str] = []
        watch = Stopwatch(news=news.append)
        with watch.waiting("status", detail="status ACTIVE"), watch.waiting("the API"):
            self.assertEqual(["status ACTIVE"], news)
        self.assertEqual(["status ACTIVE", ""], news)

    def test_both_ends_of_a_context_are_waited_for_and_not_what_is_within(self) -> None:
        now_s = 100.0
        watch = Stopwatch(lambda: now_s)

        @contextmanager
        def options() -> Iterator[None]:
            nonlocal now_s
            now_s += 30
            try:
                yield
            finally:
                now_s += 40

        with self.assertRaises(ValueError), watch.within("options", options()):
            now_s += 5
            with watch.waiting("status"):
                now_s += 2
            raise ValueError
        self.assertEqual({"options": 70.0, "status": 2.0}, watch.waited_s)
        self.assertEqual(5.0, watch.own_s)
