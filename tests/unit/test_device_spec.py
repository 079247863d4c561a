# SPDX-License-Identifier: Apache-2.0
import json
import unittest
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from tests.unit.strategies import hosts
from vhost_tempest_plugin.nova import device_spec, pci_devices
from vhost_tempest_plugin.nova.device_spec import AddressPattern, Entry
from vhost_tempest_plugin.nova.expect import DeviceProvider, device_providers
from vhost_tempest_plugin.nova.views import Inventory, Provider, misreported
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import lay_out
from vhost_tempest_plugin.topology.pci import PciAddress

THOROUGH = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ARTICLE = catalog.find("article")
ROWS = pci_devices.expected_devices(ARTICLE)
MANAGED = frozenset({"COMPUTE_MANAGED_PCI_DEVICE", "OWNER_NOVA"})


def found(*entries: Entry) -> set[str]:
    """The addresses of the article's NICs that entries mean."""
    return {str(row.address) for row in device_spec.tracked(ROWS, entries)}


class EntryTest(unittest.TestCase):
    def test_exact_address(self) -> None:
        self.assertEqual({"0000:c9:00.0"}, found(Entry(address="0000:c9:00.0")))

    def test_glob(self) -> None:
        for glob, wanted in (
            ("*:c9:*.*", {"0000:c9:00.0"}),
            ("0000:ca:*.0", {"0000:ca:00.0"}),
            ("*:*:*.1", set()),
            ("cb:00", {"0000:cb:00.0"}),
            (":00.0", {str(row.address) for row in ROWS}),
            ("*:1:*.*", set()),
        ):
            with self.subTest(glob):
                self.assertEqual(wanted, found(Entry(address=glob)))

    def test_regular_expression_counts_from_the_beginning(self) -> None:
        self.assertEqual(
            {"0000:b5:00.0", "0000:b6:00.0", "0000:b7:00.0"},
            found(Entry(address=AddressPattern(bus="b"))),
        )
        self.assertEqual(set(), found(Entry(address=AddressPattern(bus="5"))))
        self.assertEqual(
            {"0000:c9:00.0", "0000:ca:00.0"},
            found(Entry(address=AddressPattern(bus="c[9a]$", function="[0-2]"))),
        )

    def test_ids(self) -> None:
        self.assertEqual(9, len(found(Entry("8086", "10d3"))))
        self.assertEqual(9, len(found(Entry())))
        self.assertEqual(set(), found(Entry("8086", "10c9")))

    def test_first_entry_counts(self) -> None:
        first, second = Entry(address="*:c9:*.*", traits=("one",)), Entry("8086", "10d3")
        of = device_spec.tracked(ROWS, (first, second))
        counts = [sum(entry is each for entry in of.values()) for each in (first, second)]
        self.assertEqual([1, 8], counts)

    def test_as_the_option_has_them(self) -> None:
        entries = (
            Entry("8086", "10d3", "0000:c9:00.0", "nic", ("fast", "near"), False, True),
            Entry(address=AddressPattern(bus="b.")),
        )
        words = [
            {
                "vendor_id": "8086",
                "product_id": "10d3",
                "address": "0000:c9:00.0",
                "resource_class": "nic",
                "traits": "fast,near",
                "managed": "no",
                "one_time_use": "true",
            },
            {"address": {"domain": ".*", "bus": "b.", "slot": ".*", "function": ".*"}},
        ]
        self.assertEqual(words, [json.loads(text) for text in device_spec.each(entries)])
        self.assertEqual(words, json.loads(device_spec.together(entries)))

    def test_names_of_placement(self) -> None:
        for name, wanted in (
            ("CUSTOM_FAST", "CUSTOM_FAST"),
            ("custom_fast", "CUSTOM_FAST"),
            ("fast.nic-1", "CUSTOM_FAST_NIC_1"),
        ):
            with self.subTest(name):
                self.assertEqual(wanted, device_spec.custom(name))


class DeviceProvidersTest(unittest.TestCase):
    def test_one_for_each_device(self) -> None:
        providers = device_providers(ARTICLE, (Entry("8086", "10d3"),))
        self.assertEqual([row.address for row in ROWS], [each.device for each in providers])
        self.assertEqual(
            DeviceProvider(PciAddress.parse("b5:00.0"), "CUSTOM_PCI_8086_10D3", 1, MANAGED),
            providers[0],
        )
        self.assertEqual("host_0000:B5:00.0", providers[0].name("host"))

    def test_own_class_and_traits(self) -> None:
        (provider,) = device_providers(
            ARTICLE, (Entry(address="0000:dd:00.0", resource_class="x.y", traits=("custom_z",)),)
        )
        self.assertEqual("CUSTOM_X_Y", provider.resource_class)
        self.assertEqual(MANAGED | {"CUSTOM_Z"}, provider.traits)

    def test_one_time_use(self) -> None:
        entry = Entry(address="*:dd:*.*", one_time_use=True)
        address = PciAddress.parse("dd:00.0")
        (free,), (used,) = (device_providers(ARTICLE, (entry,), taken) for taken in ((), {address}))
        self.assertIn("HW_PCI_ONE_TIME_USE", free.traits)
        self.assertEqual([0, 1], [free.reserved, used.reserved])

    def test_others_are_not_reserved(self) -> None:
        everywhere = {row.address for row in ROWS}
        providers = device_providers(ARTICLE, (Entry(),), everywhere)
        self.assertEqual({0}, {each.reserved for each in providers})

    def test_virtual_functions_are_their_physical_one_s(self) -> None:
        layout = catalog.find("sriov")
        entries = (Entry("8086", "10ca"),)
        with_vfs = [device for device in layout.devices if device.vfs]
        self.assertEqual(
            [(device.address, "CUSTOM_PCI_8086_10CA", device.vfs) for device in with_vfs],
            [(p.device, p.resource_class, p.total) for p in device_providers(layout, entries)],
        )

    @THOROUGH
    @given(hosts())
    def test_what_a_deployment_has_means_all(self, host) -> None:
        layout = lay_out(host)
        rows, entries = pci_devices.expected_devices(layout), device_spec.given(layout)
        self.assertEqual(set(rows), set(device_spec.tracked(rows, entries)))
        self.assertEqual(pci_devices.device_spec(layout), device_spec.each(entries))

    @THOROUGH
    @given(hosts())
    def test_all_functions_are_in_them_once(self, host) -> None:
        layout = lay_out(host)
        providers = device_providers(layout, (Entry(),))
        rows = pci_devices.expected_devices(layout)
        self.assertEqual(len(rows), sum(provider.total for provider in providers))
        self.assertEqual(len({p.device for p in providers}), len(providers))


class MisreportedTest(unittest.TestCase):
    EXPECTED = device_providers(ARTICLE, (Entry(address="*:b5:*.*"), Entry(address="*:b6:*.*")))

    def seen(self) -> list[Provider]:
        root = Provider("u", "host", None, {"VCPU": Inventory(16, 0, 1)}, frozenset())
        devices = [
            Provider(
                f"u{number}",
                must.name("host"),
                "u",
                {must.resource_class: Inventory(1, 0, number)},
                must.traits,
            )
            for number, must in enumerate(self.EXPECTED)
        ]
        return [root, *devices]

    def test_as_it_must_be(self) -> None:
        self.assertEqual((), misreported(self.EXPECTED, self.seen()))

    def test_one_is_missing(self) -> None:
        (fact,) = misreported(self.EXPECTED, self.seen()[:-1])
        self.assertIn("0000:b6:00.0: Placement has no provider", fact)

    def test_one_too_many(self) -> None:
        (fact,) = misreported(self.EXPECTED[1:], self.seen())
        self.assertIn("0000:b5:00.0: Placement has host_0000:B5:00.0, and must not", fact)

    def test_each_of_its_facts(self) -> None:
        root, first, second = self.seen()
        for what, wrong in (
            ("traits", replace(first, traits=first.traits | {"CUSTOM_Z"})),
            ("inventory", replace(first, inventories={"CUSTOM_Z": Inventory(1, 0, 0)})),
            (
                "inventory",
                replace(first, inventories={"CUSTOM_PCI_8086_10D3": Inventory(1, 1, 0)}),
            ),
            ("parent", replace(first, parent="elsewhere")),
            ("name", replace(first, name="other_0000:B5:00.0")),
        ):
            with self.subTest(what):
                (fact,) = misreported(self.EXPECTED, [root, wrong, second])
                self.assertIn(f"0000:b5:00.0: {what}", fact)
