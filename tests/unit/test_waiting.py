# SPDX-License-Identifier: Apache-2.0
import unittest
from unittest import mock

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.util import speed, waiting
from vhost_tempest_plugin.util.waiting import TimedOutError, seldom, wait_for


class Clock:
    """Time that passes only while one sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.pauses_s: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, pause_s: float) -> None:
        self.now_s += pause_s
        self.pauses_s.append(pause_s)


class WaitingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = self.enterContext(mock.patch.object(waiting, "time", Clock()))
        self.scale = self.enterContext(mock.patch.object(speed, "timeout_scale", return_value=3.0))


class WaitForTest(WaitingTest):
    def test_what_comes_is_returned(self) -> None:
        answers = iter([None, False, 0])
        self.assertEqual(0, wait_for(lambda: next(answers), "a number", 1))
        self.assertEqual(2, len(self.clock.pauses_s))
        self.scale.assert_not_called()

    def test_a_limit_is_for_the_reference_machine(self) -> None:
        with self.assertRaises(TimedOutError) as caught:
            wait_for(lambda: None, "the end", 10)
        self.assertEqual("timed out after 30 s waiting for the end", caught.exception.fact)
        self.assertAlmostEqual(130, self.clock.now_s, delta=0.5)
        self.scale.assert_called_once()

    def test_it_asks_once_more_when_the_time_is_over(self) -> None:
        self.assertTrue(wait_for(lambda: self.clock.now_s > 129.9, "time", 10))

    def test_without_time_it_asks_once(self) -> None:
        answers = iter([None, True])
        with self.assertRaises(TimedOutError):
            wait_for(lambda: next(answers), "it", 0)
        self.assertEqual([], self.clock.pauses_s)
        self.scale.assert_not_called()

    def test_the_error_is_the_callers(self) -> None:
        with self.assertRaises(HostError) as caught:
            wait_for(lambda: None, "it", 1, error=lambda fact: HostError(fact, hint="try again"))
        self.assertEqual("timed out after 3 s waiting for it; try again", str(caught.exception))

    def test_without_a_limit(self) -> None:
        self.assertTrue(wait_for(lambda: self.clock.now_s > 1e5, "ages", None))
        self.scale.assert_not_called()

    def test_pauses_grow_to_the_longest(self) -> None:
        wait_for(lambda: self.clock.now_s > 150, "it", 100, poll_s=0.4, first_s=0.05)
        self.assertEqual(sorted(self.clock.pauses_s), self.clock.pauses_s)
        self.assertEqual(0.4, self.clock.pauses_s[-1])
        self.assertEqual(0.05, self.clock.pauses_s[0])

    def test_a_watch_ends_it(self) -> None:
        def watch() -> None:
            if self.clock.now_s > 101:
                raise HostError("it died")

        with self.assertRaisesRegex(HostError, "it died"):
            wait_for(lambda: None, "it", 100, watch=watch)
        self.assertLess(self.clock.now_s, 102)


class SeldomTest(WaitingTest):
    def test_it_acts_again_after_its_interval(self) -> None:
        acted: list[float] = []
        act = seldom(3, lambda: acted.append(self.clock.now_s))
        for _ in range(10):
            act()
            self.clock.sleep(1)
        self.assertEqual([103, 106, 109], acted)
