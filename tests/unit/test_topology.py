# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.topology.devices import e1000e, igb
from vhost_tempest_plugin.topology.model import CpuTopology, DeviceGroup, Host, NumaNode


class HostTest(unittest.TestCase):
    def test_sums(self) -> None:
        nodes = tuple(NumaNode(i, frozenset(), 128 * (i + 1), ()) for i in range(3))
        self.assertEqual(768, Host("h", CpuTopology(1), nodes).memory_mib)
        self.assertEqual(24, CpuTopology(2, 4, 3).count)

    def test_groups_on_no_node_come_last(self) -> None:
        first, second = DeviceGroup(igb.MODEL), DeviceGroup(e1000e.MODEL, 2)
        node = NumaNode(0, frozenset({0}), 128, ((0, 10),), devices=(second,))
        host = Host("h", CpuTopology(1), (node,), devices=(first,))
        self.assertEqual([(0, second), (None, first)], list(host.groups()))
