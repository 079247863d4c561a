# SPDX-License-Identifier: Apache-2.0
"""What is said of a guest that has left a host."""

import unittest
from types import SimpleNamespace
from typing import Any, cast

from tests.unit.guest_views import GUEST
from vhost_tempest_plugin.nova.views import Holding, HostView, NovaView
from vhost_tempest_plugin.scenario.inspection.inspector import Inspector
from vhost_tempest_plugin.scenario.inspection.observed_host import HostSnapshot

ELSEWHERE = "0338be7f-7c05-50eb-999e-4b19af385f05"


class LeftHost:
    """A host that has nothing of the guest."""

    def nova(self) -> NovaView:
        return NovaView("root", (), {})

    def look(self) -> HostSnapshot:
        return HostSnapshot(HostView({}, {}, {}), self.nova(), {"root": "left"})


class HeldByTest(unittest.TestCase):
    def facts(self, *providers: str) -> list[str]:
        holdings = tuple(Holding(GUEST, name, None, {"PCPU": 1}) for name in providers)
        cloud = SimpleNamespace(
            until=lambda condition, what, watch, limit_s: condition(),
            placement=SimpleNamespace(of=lambda guest, tree: holdings),
        )
        inspector = Inspector(cast(Any, cloud), cast(Any, {"left": LeftHost()}), cast(Any, None))
        guest = SimpleNamespace(id=GUEST, number=0)
        return inspector.held_by(cast(Any, guest), "left", "confirm", cast(Any, None))

    def test_what_it_has_where_it_is_now_is_its_own(self) -> None:
        self.assertEqual([], self.facts(ELSEWHERE))

    def test_what_it_still_has_is_told(self) -> None:
        (fact,) = self.facts(ELSEWHERE, "left")
        self.assertIn(f"guest 0 after confirm: left: placement says {GUEST} has PCPU 1", fact)
