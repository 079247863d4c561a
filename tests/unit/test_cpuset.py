# SPDX-License-Identifier: Apache-2.0
import unittest

from hypothesis import given
from hypothesis import strategies as st

from vhost_tempest_plugin.topology import cpuset


class CpusetTest(unittest.TestCase):
    def test_parse(self) -> None:
        for text, numbers in (
            ("", set()),
            ("\n", set()),
            ("3", {3}),
            ("0-3,6\n", {0, 1, 2, 3, 6}),
            (" 1 , 1-2", {1, 2}),
        ):
            with self.subTest(text):
                self.assertEqual(numbers, cpuset.parse(text))

    def test_refuses(self) -> None:
        for text in ("a", "1-", "-1", "1,,2", "1,", "3-1", "0x1", "1-2-3", "²", "123456"):
            with self.subTest(text), self.assertRaises(ValueError):
                cpuset.parse(text)

    def test_format(self) -> None:
        self.assertEqual("0-2,5,7-8", cpuset.format([8, 7, 5, 0, 1, 2, 1]))
        self.assertEqual("", cpuset.format([]))

    @given(st.frozensets(st.integers(0, 300)))
    def test_reads_back_equal(self, numbers) -> None:
        self.assertEqual(numbers, cpuset.parse(cpuset.format(numbers)))
