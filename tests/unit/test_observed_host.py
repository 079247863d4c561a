# SPDX-License-Identifier: Apache-2.0
"""The first look at a host, before a test class may use it."""

import unittest
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from tests.unit.server_views import GUEST, HOST, ROW
from vhost_tempest_plugin.nova.expect import Observation
from vhost_tempest_plugin.nova.views import HostView, NovaView, TrackedDevice
from vhost_tempest_plugin.scenario.inspection.observed_host import HostSnapshot, ObservedHost

FREE = NovaView("root", (TrackedDevice(ROW, "available"),), {})
LEAVING = NovaView("root", (TrackedDevice(ROW, "allocated", GUEST),), {})
THERE = NovaView("root", (TrackedDevice(ROW, "allocated", GUEST),), {GUEST: Observation()})


class LookedAt(ObservedHost):
    """A host of which Nova's database says one thing after the other; nobody else knows it."""

    def __init__(self, said: Sequence[NovaView]) -> None:
        self.said: Iterator[NovaView] = iter(said)
        node: Any = SimpleNamespace(layout=HOST.layout, name=HOST.name)
        placement: Any = SimpleNamespace(all=lambda tree: ())
        nobody: Any = None
        super().__init__(node, nobody, placement)

    def snapshot(self) -> HostSnapshot:
        return HostSnapshot(HostView({}, {}, {}), next(self.said), {})


class SettleTest(unittest.TestCase):
    def test_a_free_host_is_not_looked_at_again(self) -> None:
        self.assertTrue(LookedAt([FREE]).settle())

    def test_it_is_waited_for_what_a_guest_that_is_no_more_holds(self) -> None:
        watch = LookedAt([LEAVING, LEAVING, FREE])
        self.assertEqual([None, None, True], [watch.settle() for _ in range(3)])
        self.assertEqual((), watch.first_leaks())

    def test_it_is_not_waited_for_a_guest_that_is_there(self) -> None:
        watch = LookedAt([THERE])
        self.assertTrue(watch.settle())
        self.assertEqual({GUEST, str(ROW.address)}, {leak.subject for leak in watch.first_leaks()})
