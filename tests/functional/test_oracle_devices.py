# SPDX-License-Identifier: Apache-2.0
"""What is expected of device_spec and of providers of devices is what Nova's own code makes."""

import json
import subprocess
import unittest
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from tests.oracle import hosts
from vhost_tempest_plugin.lab.environment import environment, release
from vhost_tempest_plugin.nova import device_spec, pci_devices
from vhost_tempest_plugin.nova.device_spec import AddressPattern, Entry
from vhost_tempest_plugin.nova.expect import device_providers
from vhost_tempest_plugin.nova.pci_devices import DeviceType, PciDeviceRow
from vhost_tempest_plugin.nova.views import Inventory, Provider, misreported
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

PROGRAM = Path(__file__).parents[1] / "oracle" / "nova_devices.py"
HOST = "host"
TOPOLOGIES = ("article", "lopsided", "small", "smt", "sockets", "sriov")
CASES = 3000
LIMIT_S = 600
NAMES = ("fast", "CUSTOM_NEAR", "custom_far", "vhost.nic-1", "__x")


@dataclass(frozen=True)
class Case:
    """A host with a device_spec, and devices that guests have."""

    layout: Layout
    entries: tuple[Entry, ...]
    taken: frozenset[PciAddress]
    in_one: bool

    def question(self) -> dict[str, Any]:
        together = (device_spec.together(self.entries),)
        physical = pci_devices.physical_functions(self.layout)
        rows = pci_devices.functions(self.layout)
        return {
            "device_spec": together if self.in_one else device_spec.each(self.entries),
            "taken": [str(address) for address in self.taken],
            "physical_functions": [
                str(row.address) for row in rows if row.dev_type is DeviceType.PF
            ],
            "devices": [
                {
                    "address": str(row.address),
                    "parent_addr": str(physical[row.address]) if row.address in physical else None,
                    "vendor_id": row.vendor_id,
                    "product_id": row.product_id,
                    "numa_node": row.numa_node,
                    "dev_type": row.dev_type.value,
                }
                for row in rows
            ],
        }


def glob(random: Random, address: PciAddress) -> str:
    """An address of which parts are any, or are left out."""
    domain, bus, slot, function = (
        random.choice((text, text, "*"))
        for text in (
            f"{address.domain:04x}",
            f"{address.bus:02x}",
            f"{address.slot:02x}",
            f"{address.function:x}",
        )
    )
    places = (f"{domain}:{bus}:{slot}", f"{bus}:{slot}", slot, f":{slot}", f"{bus}:")
    return random.choice(places) + random.choice((f".{function}", "", "."))


def pattern(random: Random, address: PciAddress) -> AddressPattern:
    """One that may be of more functions, and need not be of this."""
    bus = f"{address.bus:02x}"
    return AddressPattern(
        bus=random.choice((bus, bus[0], f"[{bus[0]}].", f"{bus[1]}$", ".*", "[0-9a-f]+")),
        slot=random.choice((f"{address.slot:02x}", "0", ".*", "1[0-9]")),
        function=random.choice((f"{address.function:x}", "[0-3]", ".*")),
    )


def entry(random: Random, row: PciDeviceRow) -> Entry:
    """An entry for a function, or for others like it."""
    ids = random.random() < 0.6
    made = Entry(
        vendor_id=row.vendor_id if ids else None,
        product_id=row.product_id if ids or random.random() < 0.3 else None,
        address=random.choice(
            (None, str(row.address), glob(random, row.address), pattern(random, row.address))
        ),
        managed=random.choice((None, True, False)),
    )
    if row.dev_type is DeviceType.VF:
        return made
    return replace(
        made,
        resource_class=random.choice((None, *NAMES)),
        traits=tuple(random.sample(NAMES, random.randrange(3))),
        one_time_use=random.random() < 0.2,
    )


def cases() -> Iterator[Case]:
    """The same ones each time."""
    shipped = [catalog.find(name) for name in TOPOLOGIES]
    for number in range(CASES):
        random = Random(number)
        layout = random.choice(shipped) if number % 2 else hosts.layout(random)
        rows = pci_devices.functions(layout)
        if not rows:
            continue
        entries = tuple(entry(random, random.choice(rows)) for _ in range(random.randrange(1, 4)))
        taken = frozenset(row.address for row in rows if random.random() < 0.3)
        yield Case(layout, entries, taken, in_one=random.random() < 0.5)


class OracleTest(unittest.TestCase):
    def test_thousands_of_device_specs(self) -> None:
        asked = tuple(cases())
        refused = 0
        for case, answer in zip(asked, self.answers(asked), strict=True):
            with self.subTest(device_spec=case.question()["device_spec"]):
                if "exception" in answer:
                    # Virtual functions of one device that differ, or beside itself.
                    self.assertTrue(any(nic.vfs for nic in case.layout.devices), answer)
                    refused += 1
                    continue
                rows = device_spec.tracked(
                    pci_devices.functions(case.layout),
                    case.entries,
                    pci_devices.physical_functions(case.layout),
                )
                self.assertEqual(answer["tracked"], sorted(str(row.address) for row in rows))
                expected = device_providers(case.layout, case.entries, case.taken)
                self.assertEqual((), misreported(expected, self.providers(answer)))
        self.assertGreater(len(asked), CASES // 2)
        self.assertLess(refused, len(asked) // 5)

    def answers(self, asked: tuple[Case, ...]) -> Iterator[dict[str, Any]]:
        path = environment.obtain(release.find()).path
        text = "".join(json.dumps(case.question()) + "\n" for case in asked)
        done = subprocess.run(
            [path / "bin/python", PROGRAM],
            input=text,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        self.assertEqual(0, done.returncode, done.stderr[-4000:])
        return (json.loads(line) for line in done.stdout.splitlines())

    def providers(self, answer: dict[str, Any]) -> list[Provider]:
        return [
            Provider(
                uuid=found["name"],
                name=found["name"],
                parent=found["parent"],
                inventories={
                    kind: Inventory(has["total"], has["reserved"], 0)
                    for kind, has in found["inventories"].items()
                },
                traits=frozenset(found["traits"]),
            )
            for found in answer["providers"]
        ]
