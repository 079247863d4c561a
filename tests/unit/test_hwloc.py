# SPDX-License-Identifier: Apache-2.0
"""The recordings are of emulated hosts with these topologies, made without VFs and huge pages."""

import unittest
from dataclasses import replace
from pathlib import Path

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host.observe import hwloc
from vhost_tempest_plugin.topology import catalog, yaml_file
from vhost_tempest_plugin.topology.drawing import draw
from vhost_tempest_plugin.topology.drawing.differences import differences
from vhost_tempest_plugin.topology.hardware import Hardware, RootBus

RECORDED = Path(__file__).parent / "recorded" / "hwloc"
CPULESS = """\
cpus: {sockets: 2, cores: 1, threads: 2}
nodes:
  - {cpus: 0-3, memory_mib: 512, devices: [{model: e1000e}]}
  - {cpus: "", memory_mib: 512, devices: [{model: e1000e}]}
"""


def recorded(name: str) -> str:
    return (RECORDED / f"{name}.xml").read_text()


def intended(name: str) -> Hardware:
    """What a host without VFs and huge pages has."""
    layout = yaml_file.load(CPULESS, name) if name == "cpuless" else catalog.find(name)
    hardware = layout.hardware()
    return hwloc.as_reported(
        replace(
            hardware,
            cells=tuple(replace(cell, huge_pages=()) for cell in hardware.cells),
            endpoints=tuple(e for e in hardware.endpoints if e.physical_function is None),
        )
    )


class TestRead(unittest.TestCase):
    def test_real_hosts_are_as_intended(self) -> None:
        for name in ("lopsided", "sriov", "smt", "cpuless"):
            with self.subTest(name):
                self.assertEqual(differences(intended(name), hwloc.read(recorded(name))), ())

    def test_locality(self) -> None:
        hardware = hwloc.read(recorded("lopsided"))
        self.assertEqual(
            hardware.root_buses, (RootBus(0, None), RootBus(0xB4, 1), RootBus(0xC8, 2))
        )
        self.assertEqual([e.node for e in hardware.endpoints], [None] + [1] * 6 + [2])
        self.assertEqual(hardware.cells[0].distances, ((0, 10), (1, 16), (2, 28)))

    def test_threads(self) -> None:
        cpu = hwloc.read(recorded("smt")).cpus[5]
        self.assertEqual((cpu.id, cpu.socket, cpu.siblings), (5, 1, frozenset({4, 5})))

    def test_ordinary_machine(self) -> None:
        hardware = hwloc.read(recorded("machine"))
        self.assertEqual(len(hardware.cpus), 2)
        self.assertEqual(hardware.cells[0].distances, ((0, 10),))
        self.assertEqual(hardware.endpoints, ())

    def test_other_locality_is_a_difference(self) -> None:
        text = recorded("lopsided").replace(
            'nodeset="0x00000002" complete', 'nodeset="0x00000001" complete'
        )
        found = differences(intended("lopsided"), hwloc.read(text))
        self.assertIn(("NIC b5:00.0", "NUMA node"), {(d.thing, d.property) for d in found})

    def test_sets(self) -> None:
        text = recorded("machine").replace('cpuset="0x00000003"', 'cpuset="0x00000001,,0x00000002"')
        self.assertEqual(hwloc.read(text).cells[0].cpus, {1, 64})

    def test_picture_as_observed(self) -> None:
        drawing = draw(intended("sriov"), hwloc.read(recorded("sriov")), "sriov")
        self.assertEqual([panel.caption for panel in drawing.panels], ["observed, as intended"])

    def test_refused(self) -> None:
        text = recorded("smt")
        for bad in (
            "",
            "<",
            "<topology version='1.0'/>",
            "<html/>",
            text.replace('os_index="1"', 'os_index="x"'),
            text.replace('pci_busid="0000:', 'pci_busid="zz:'),
            text.replace(' bridge_pci="0000:[b4-', ' bridge_pci="0000:[xx-'),
            text.replace("pci_type=", "kind="),
            text.replace(">10 20", ">20"),
        ):
            with self.subTest(bad[:40]), self.assertRaises(HostError):
                hwloc.read(bad)
