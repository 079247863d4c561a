# SPDX-License-Identifier: Apache-2.0
import unittest
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vhost_tempest_plugin.errors import HostError, InputError
from vhost_tempest_plugin.nova.readers import NovaDatabase, Placement
from vhost_tempest_plugin.nova.views import Holding
from vhost_tempest_plugin.topology.pci import PciAddress

ROOT, CHILD, GUEST = "root-uuid", "child-uuid", "guest-uuid"
NAME = "lab-0_0000:B5:00.0"
ANSWERS: Mapping[str, Any] = {
    f"/resource_providers?in_tree={ROOT}": {
        "resource_providers": [
            {"uuid": ROOT, "name": "lab-0", "parent_provider_uuid": None},
            {"uuid": CHILD, "name": NAME, "parent_provider_uuid": ROOT},
        ]
    },
    **{
        f"/resource_providers/{uuid}/{what}": {what: {} if what != "traits" else ["T"]}
        for uuid in (ROOT, CHILD)
        for what in ("inventories", "usages", "traits")
    },
    f"/resource_providers/{ROOT}/allocations": {"allocations": {GUEST: {"resources": {"VCPU": 1}}}},
    f"/resource_providers/{CHILD}/allocations": {"allocations": {}},
    f"/allocations/{GUEST}": {
        "allocations": {ROOT: {"resources": {"VCPU": 1}}, CHILD: {"resources": {"CUSTOM": 1}}}
    },
}


class PlacementTest(unittest.TestCase):
    placement = Placement(ANSWERS.__getitem__)
    tree = MappingProxyType({ROOT: "lab-0", CHILD: NAME})

    def test_a_host_and_its_devices(self) -> None:
        self.assertEqual(self.tree, self.placement.tree(ROOT))
        providers = self.placement.providers(ROOT)
        self.assertEqual(["lab-0", NAME], [provider.name for provider in providers])
        self.assertEqual({"T"}, providers[0].traits)

    def test_who_has_what(self) -> None:
        on_host = Holding(GUEST, "lab-0", None, {"VCPU": 1})
        on_device = Holding(GUEST, NAME, PciAddress(0xB5, 0), {"CUSTOM": 1})
        held = sorted(self.placement.of(GUEST, self.tree), key=lambda each: each.provider)
        self.assertEqual([on_host, on_device], held)
        self.assertEqual((on_host,), self.placement.all(self.tree))


class NovaDatabaseTest(unittest.TestCase):
    def test_what_is_no_url(self) -> None:
        for url in ("", "sqlite://", "mysql+pymysql://user:secret@host", "mysql+pymysql://h:x/n"):
            with self.subTest(url), self.assertRaises(InputError) as refused:
                NovaDatabase(url)
            self.assertNotIn("secret", str(refused.exception))

    def test_one_that_does_not_answer(self) -> None:
        database = NovaDatabase("mysql+pymysql://user:secret@127.0.0.1:1/nova_cell1?charset=utf8")
        with self.assertRaises(HostError) as refused:
            database.look("lab-0")
        self.assertNotIn("secret", str(refused.exception))
