# SPDX-License-Identifier: Apache-2.0
import re
import unittest
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.unit.strategies import hosts
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.drawing import Drawing, dot, draw, text
from vhost_tempest_plugin.topology.drawing.differences import Difference, differences
from vhost_tempest_plugin.topology.hardware import Hardware, RootBus
from vhost_tempest_plugin.topology.layout import lay_out
from vhost_tempest_plugin.topology.model import Host
from vhost_tempest_plugin.topology.pci import PciAddress, PciId

SRIOV = """\
sriov: 8 CPUs, 4 GiB, 2 NUMA nodes, 4 NICs, 8 virtual functions

distances   0   1
   node 0  10  20
   node 1  20  10

┌─ NUMA node 0 ────────────────────────────────────────────────────────────────┐
│ CPUs        0-3, each a socket                                               │
│ memory      2048 MiB                                                         │
│ huge pages  64 of 2 MiB                                                      │
│ expander bus b4  NIC        model            IOMMU group  driver             │
│ ├─ b4:00.0 → b5  b5:00.0    igb, 4 of 7 VFs  alone        igb                │
│ │                ├ b5:10.0  igb VF           alone        igbvf              │
│ │                ├ b5:10.2  igb VF           alone        igbvf              │
│ │                ├ b5:10.4  igb VF           alone        igbvf              │
│ │                └ b5:10.6  igb VF           alone        igbvf              │
│ └─ b4:01.0 → b6  b6:00.0    e1000e           alone        e1000e             │
└──────────────────────────────────────────────────────────────────────────────┘
"""


def hardware(name: str) -> Hardware:
    return catalog.find(name).hardware()


def label(drawing: Drawing) -> etree._Element:
    """The table in DOT source; that graphviz takes it is a functional test."""
    source = dot.render(drawing)
    match = re.search(r"label=<(.*)>\];\n}\n\Z", source, re.DOTALL)
    assert match is not None, source
    return etree.fromstring(match[1])


def wrong(right: Hardware) -> Hardware:
    """Every kind of difference at once."""
    nics = list(right.endpoints)
    nics[1] = replace(nics[1], node=2, driver="vfio-pci")
    pair = frozenset({nics[4].address, nics[5].address})
    nics[4], nics[5] = replace(nics[4], group=pair), replace(nics[5], group=pair)
    nics[8] = replace(nics[8], address=PciAddress(0xE1, 0), id=PciId(0x8086, 0x1533))
    cells = list(right.cells)
    cells[2] = replace(cells[2], memory_mib=900, distances=((0, 20), (1, 21), (2, 10)))
    cpus = (*right.cpus[:3], replace(right.cpus[3], socket=0), *right.cpus[4:])
    ports = (*right.ports[:-1], replace(right.ports[-1], secondary_bus=0xE1))
    return replace(right, cpus=cpus, cells=tuple(cells), ports=ports, endpoints=tuple(nics))


class TestDifferences(unittest.TestCase):
    def test_none(self) -> None:
        self.assertEqual(differences(hardware("article"), hardware("article")), ())

    def test_each_once(self) -> None:
        right = hardware("article")
        self.assertEqual(
            differences(right, wrong(right)),
            (
                Difference("node 2", "memory", "2048 MiB", "900 MiB"),
                Difference("node 2", "distance to 1", "20", "21"),
                Difference("CPU 3", "socket", "3", "0"),
                Difference("port dc:02.0", "bus behind it", "df", "e1"),
                Difference("NIC b6:00.0", "NUMA node", "0", "2"),
                Difference("NIC b6:00.0", "driver", "e1000e", "vfio-pci"),
                Difference("NIC ca:00.0", "IOMMU group", "alone", "with cb:00.0"),
                Difference("NIC cb:00.0", "IOMMU group", "alone", "with ca:00.0"),
                Difference("NIC df:00.0", "", "present", None),
                Difference("NIC e1:00.0", "", None, "present"),
            ),
        )

    def test_what_the_kernel_keeps_is_no_difference(self) -> None:
        right = hardware("article")
        for memory_mib, same in ((2048, True), (1700, True), (1024, False), (2049, False)):
            with self.subTest(memory_mib):
                cells = (*right.cells[:2], replace(right.cells[2], memory_mib=memory_mib))
                found = differences(right, replace(right, cells=cells))
                self.assertEqual(not found, same)


class TestText(unittest.TestCase):
    def test_golden(self) -> None:
        rendered = text.render(draw(hardware("sriov"), title="sriov"))
        self.assertTrue(rendered.startswith(SRIOV), rendered)

    def test_what_is_on_no_node(self) -> None:
        rendered = text.render(draw(hardware("lopsided"), title="lopsided"))
        self.assertRegex(rendered, r"no NUMA node ─+┐\n│ pcie-root, bus 00 .*\n│ └─ 00:06.0 → 01 ")

    def test_cores_and_threads(self) -> None:
        rendered = text.render(draw(hardware("smt")))
        self.assertIn("0-3; socket 0: (0 1) (2 3)", rendered)
        self.assertTrue(rendered.startswith("8 CPUs"))

    def test_both_sides_and_the_list(self) -> None:
        right = hardware("article")
        rendered = text.render(draw(right, wrong(right), "article"))
        for part in (
            "article, intended: 8 CPUs",
            "article, observed: 8 CPUs",
            "df:00.0 −",
            "e1:00.0 +",
            "8086:1533",
            "vfio-pci ≠  on node 2 ≠",
            "dc:02.0 → e1 ≠",
            "with cb:00.0 ≠",
            "socket 0: 0 3≠",
            "−  NIC df:00.0                  present   absent",
        ):
            with self.subTest(part):
                self.assertIn(part, rendered)

    def test_same_is_one_panel(self) -> None:
        rendered = text.render(draw(hardware("article"), hardware("article"), "article"))
        self.assertEqual(rendered.count("NUMA node 0"), 1)

    @given(hosts(), st.integers(60, 100))
    @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
    def test_boxes_are_straight_and_nothing_is_left_out(self, host: Host, columns: int) -> None:
        observed = lay_out(host).hardware()
        rendered = text.render(draw(observed), columns)
        boxed = [line for line in rendered.splitlines() if line[:1] in ("┌", "│", "└")]
        self.assertEqual(len({len(line) for line in boxed}), 1)
        self.assertLessEqual(len(boxed[0]), 100)
        for endpoint in observed.endpoints:
            self.assertEqual(len(re.findall(rf" {str(endpoint.address)[5:]} ", rendered)), 1)


class TestDot(unittest.TestCase):
    def test_every_row_of_cards_fits(self) -> None:
        for name in catalog.names():
            with self.subTest(name):
                table = label(draw(hardware(name), title=name))
                words = "".join(table.itertext())
                for endpoint in hardware(name).endpoints:
                    self.assertIn(str(endpoint.address)[5:], words)

    def test_wide_is_a_grid(self) -> None:
        table = label(draw(hardware("wide"), title="wide"))
        rows = table.findall("./tr/td/table/tr")[1:]
        self.assertEqual([len(row) for row in rows], [4, 4])

    def test_differences_have_colour_and_symbol(self) -> None:
        right = hardware("article")
        table = label(draw(right, wrong(right), "article"))
        cells = {"".join(td.itertext()): td.get("bgcolor") for td in table.iter("td")}
        self.assertEqual(cells["df:00.0 − missing"], "#f9cdae")
        self.assertEqual(cells["e1:00.0 + unexpected"], "#b8ddf5")
        self.assertEqual(cells["2048 MiB ≠ differs"], "#faeb93")
        self.assertIn("article  intended", "".join(table.itertext()))
        self.assertIn("article  observed", "".join(table.itertext()))

    def test_odd_titles(self) -> None:
        for title in ('<b>&"', "a\nb", "\\", '\\"', "\x00"):
            with self.subTest(title):
                label(draw(hardware("smt"), title=title))

    def test_bus_zero_unknown(self) -> None:
        right = hardware("lopsided")
        roots = tuple(root for root in right.root_buses if root != RootBus(0, None))
        words = "".join(label(draw(replace(right, root_buses=roots))).itertext())
        self.assertIn("01:00.0", words)
