# SPDX-License-Identifier: Apache-2.0
import unittest
from unittest import mock

from vhost_tempest_plugin.lab import logs


class End(Exception):  # noqa: N818 - of what there is to read
    pass


class FollowTest(unittest.TestCase):
    """Each reading of a log is its last lines at that moment."""

    def setUp(self) -> None:
        self.enterContext(mock.patch("time.sleep"))

    def followed(self, *readings: str, count: int = 10) -> list[str]:
        coming = list(readings)

        def read() -> tuple[str, ...]:
            if not coming:
                raise End
            return tuple(coming.pop(0))

        shown: list[str] = []
        with self.assertRaises(End):
            for line in logs._followed(read, count):
                shown.append(line)
        return shown

    def test_what_comes(self) -> None:
        self.assertEqual(list("abcde"), self.followed("abc", "abc", "abcd", "abcde"))

    def test_a_line_that_repeats(self) -> None:
        self.assertEqual(list("a b "), self.followed("a ", "a b "))
        self.assertEqual(list("aaaa"), self.followed("a", "aa", "aa", "aaaa"))

    def test_only_the_last_are_shown_first(self) -> None:
        self.assertEqual(list("cd"), self.followed("abc", "abcd", count=1))

    def test_the_first_lines_go_with_time(self) -> None:
        self.assertEqual(list("abcdef"), self.followed("abcd", "cdef"))

    def test_a_log_that_was_rotated(self) -> None:
        self.assertEqual(list("abxy"), self.followed("ab", "xy"))

    def test_an_empty_log(self) -> None:
        self.assertEqual(list("a"), self.followed("", "", "a"))
