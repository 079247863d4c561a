# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology.bus_numbers import assign
from vhost_tempest_plugin.topology.devices import e1000e
from vhost_tempest_plugin.topology.model import CpuTopology, DeviceGroup, Host, NumaNode


def host(*nodes: tuple[int, int | None], nodeless: int = 0) -> Host:
    """A host whose nodes have so many NICs, on that bus."""

    def group(count: int) -> tuple[DeviceGroup, ...]:
        return (DeviceGroup(e1000e.MODEL, count),) if count else ()

    return Host(
        "h",
        CpuTopology(len(nodes)),
        tuple(
            NumaNode(i, frozenset({i}), 128, (), devices=group(count), bus=bus)
            for i, (count, bus) in enumerate(nodes)
        ),
        devices=group(nodeless),
    )


class AssignTest(unittest.TestCase):
    def test_like_the_article(self) -> None:
        self.assertEqual({0: 180, 1: 200, 2: 220}, assign(host((3, None), (3, None), (3, None))))

    def test_only_nodes_with_devices(self) -> None:
        self.assertEqual({1: 180}, assign(host((0, None), (1, None))))

    def test_spread_over_all_where_the_article_has_no_room(self) -> None:
        self.assertEqual(
            [20 * i for i in range(1, 9)], list(assign(host(*[(9, None)] * 8)).values())
        )

    def test_packed_where_nothing_else_fits(self) -> None:
        self.assertEqual(
            {0: 3, 1: 36, 2: 60}, assign(host((32, None), (23, None), (9, None), nodeless=2))
        )

    def test_around_given_ones(self) -> None:
        self.assertEqual({0: 20, 1: 190, 2: 40}, assign(host((3, None), (30, 190), (3, None))))

    def test_larger_first_where_order_fails(self) -> None:
        # Free are 1 to 11 and 23 to 55; in order 10 and 11 leave 22 of the latter, 23 are needed.
        given = [(10, 12), (31, 56), (31, 88), (31, 120), (31, 152), (31, 184), (31, 216), (6, 248)]
        chosen = assign(host((9, None), (10, None), (22, None), *given))
        self.assertEqual([46, 1, 23], [chosen[node] for node in range(3)])

    def test_no_gap_is_large_enough(self) -> None:
        with self.assertRaisesRegex(TopologyError, "33 buses.*1 to 19, 53 to 69, 103 to 119"):
            assign(host((32, None), (32, 20), (32, 70), (32, 120), (32, 153), (32, 186), (32, 219)))
