# SPDX-License-Identifier: Apache-2.0
"""What is seen of a server, and what is said of one that has left a host."""

import unittest
from types import SimpleNamespace
from typing import Any, cast

from tests.unit.server_views import GUEST
from vhost_tempest_plugin.nova.views import Holding, HostView, NovaView
from vhost_tempest_plugin.scenario.inspection.inspector import Inspector
from vhost_tempest_plugin.scenario.inspection.observed_host import HostSnapshot

ELSEWHERE = "0338be7f-7c05-50eb-999e-4b19af385f05"


class LeftHost:
    """A host that has nothing of the server."""

    def nova(self) -> NovaView:
        return NovaView("root", (), {})

    def snapshot(self) -> HostSnapshot:
        return HostSnapshot(HostView({}, {}, {}), self.nova(), {"root": "left"})


class HeldByTest(unittest.TestCase):
    def facts(self, *providers: str) -> tuple[str, ...]:
        holdings = tuple(Holding(GUEST, name, None, {"PCPU": 1}) for name in providers)
        cloud = SimpleNamespace(
            until=lambda condition, what, watch, limit_s: condition(),
            placement=SimpleNamespace(of=lambda server, tree: holdings),
        )
        inspector = Inspector(cast(Any, cloud), cast(Any, {"left": LeftHost()}))
        return inspector.held_by(GUEST, "left", cast(Any, None))

    def test_what_it_has_where_it_is_now_is_its_own(self) -> None:
        self.assertEqual((), self.facts(ELSEWHERE))

    def test_what_it_still_has_is_a_leak(self) -> None:
        (fact,) = self.facts(ELSEWHERE, "left")
        self.assertIn(f"left: placement: {GUEST} holds PCPU 1", fact)
