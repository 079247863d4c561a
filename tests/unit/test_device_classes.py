# SPDX-License-Identifier: Apache-2.0
import json
import unittest
from dataclasses import replace

from vhost_tempest_plugin.nova import device_spec, pci_devices
from vhost_tempest_plugin.nova.expect import device_providers
from vhost_tempest_plugin.scenario.requests.device_classes import DeviceClasses
from vhost_tempest_plugin.scenario.test_placement_scheduling import contested
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.devices import e1000e

ARTICLE = catalog.find("article")
KIND = pci_devices.kinds(e1000e.MODEL)[0]
ROWS = pci_devices.expected_devices(ARTICLE)
SORTS = DeviceClasses.of(KIND, ROWS)


class DeviceClassesTest(unittest.TestCase):
    def test_every_device_is_of_one_sort(self) -> None:
        self.assertEqual(
            sorted(row.address for row in ROWS),
            sorted((SORTS.special, SORTS.once, *SORTS.plain)),
        )
        self.assertEqual([2, 2, 3], [len(some) for _, some in SORTS.rest])
        self.assertEqual({}, dict(DeviceClasses.of(KIND, ROWS[:2]).rest))

    def test_entries_mean_each_device_once(self) -> None:
        tracked = device_spec.tracked(ROWS, SORTS.entries())
        self.assertEqual(set(ROWS), set(tracked))
        self.assertEqual(len(ROWS), len(set(tracked.values())))

    def test_aliases_match_what_is_reported(self) -> None:
        providers = device_providers(ARTICLE, SORTS.entries())
        aliases = {alias["name"]: alias for alias in map(json.loads, SORTS.aliases())}

        def having(alias: str) -> list[object]:
            words = aliases[alias]
            traits = {device_spec.custom(t) for t in words.get("traits", "").split(",") if t}
            own = f"pci_{words['vendor_id']}_{words['product_id']}"
            wanted = device_spec.custom(words.get("resource_class", own))
            return [
                provider.device
                for provider in providers
                if provider.resource_class == wanted and traits <= provider.traits
            ]

        for (asked,), devices in (
            (SORTS.special_one(), [SORTS.special]),
            (SORTS.one_for_once(), [SORTS.once]),
            (SORTS.one_of_nowhere(), []),
            (SORTS.one_of(2), list(SORTS.on(2))),
        ):
            with self.subTest(alias=asked.alias):
                self.assertEqual(devices, having(asked.alias))

    def test_without_ids(self) -> None:
        aliases = [json.loads(alias) for alias in SORTS.aliases(ids=False)]
        self.assertEqual(2, sum("vendor_id" not in alias for alias in aliases))


class ContestedTest(unittest.TestCase):
    def test_article(self) -> None:
        self.assertEqual((0, 2), contested(ARTICLE))

    def test_no_other_node_with_dedicated_cpus(self) -> None:
        host = catalog.find("article").host
        (node, *_) = host.nodes
        one = replace(host, nodes=(replace(node, distances=((0, 10),)),), cpus=host.cpus)
        self.assertIsNone(contested(replace(ARTICLE, host=one)))

    def test_too_few_devices(self) -> None:
        self.assertIsNone(contested(replace(ARTICLE, devices=ARTICLE.devices[:2])))
