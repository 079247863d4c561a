# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.topology.memory import ranges
from vhost_tempest_plugin.topology.model import CpuTopology, Host, NumaNode


def places(*memory_mib: int) -> list[list[tuple[int, int]]]:
    nodes = tuple(NumaNode(i, frozenset(), mib, ()) for i, mib in enumerate(memory_mib))
    return [place for _, place in ranges(Host("h", CpuTopology(1), nodes))]


class RangesTest(unittest.TestCase):
    """As the SRAT of QEMU 10.0 has them."""

    def test_article(self) -> None:
        self.assertEqual(
            [[(0, 2048), (4096, 6144)], [(6144, 8192)], [(8192, 10240)]], places(4096, 2048, 2048)
        )

    def test_all_below_the_hole(self) -> None:
        self.assertEqual([[(0, 1280)], [(1280, 2688)]], places(1280, 1408))

    def test_hole_within_a_later_node(self) -> None:
        self.assertEqual([[(0, 1024)], [(1024, 2048), (4096, 5120)]], places(1024, 2048))
