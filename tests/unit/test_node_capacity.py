# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.scenario.requests.node_capacity import more_than_half


class MoreThanHalfTest(unittest.TestCase):
    def test_a_node_has_none_or_one_with_room(self) -> None:
        """nova-compute and others left 830 of 1024 MiB: 816 locked ones fit only on paper."""
        for memories_mib in ([2048], [1024, 1024], [4096, 2048, 2048], [1536, 1024], [1024, 512]):
            with self.subTest(memories_mib):
                guest_mib = more_than_half(memories_mib)
                self.assertGreater(2 * guest_mib, max(memories_mib))
                for memory_mib in memories_mib:
                    share = guest_mib / memory_mib
                    self.assertTrue(share > 1 or share <= 0.7, share)

    def test_the_best_where_there_is_none(self) -> None:
        self.assertEqual(1000, more_than_half([1600, 1200, 1100, 1000, 900, 800]))
