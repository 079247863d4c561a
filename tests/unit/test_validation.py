# SPDX-License-Identifier: Apache-2.0
import unittest
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings

from tests.unit.strategies import hosts
from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology.devices import e1000e, igb
from vhost_tempest_plugin.topology.layout import lay_out
from vhost_tempest_plugin.topology.model import (
    Binding,
    CpuTopology,
    DeviceGroup,
    Host,
    HugePages,
    Iommu,
    Management,
    NumaNode,
)

NO_IOMMU = Iommu(None, interrupt_remapping=False, caching_mode=False)
NIC = DeviceGroup(e1000e.MODEL)


def node(id_: int, of: int, cpus: set[int], memory_mib: int = 1024, **more: Any) -> NumaNode:
    distances = tuple((to, 10 if to == id_ else 20) for to in range(of))
    return NumaNode(id_, frozenset(cpus), memory_mib, **{"distances": distances, **more})


def pair(first: dict[str, Any] | None = None, second: dict[str, Any] | None = None) -> Host:
    """Two nodes of two CPUs, each with its changes."""
    nodes = (
        replace(node(0, 2, {0, 1}), **(first or {})),
        replace(node(1, 2, {2, 3}), **(second or {})),
    )
    return Host("pair", CpuTopology(2, 2), nodes)


PAIR = pair()


class RefusalTest(unittest.TestCase):
    """Each names the key and shows the numbers."""

    def refused(self, host: Host, key: tuple[str | int, ...], *words: str) -> None:
        with self.assertRaises(TopologyError) as caught:
            lay_out(host)
        message = str(caught.exception)
        self.assertEqual(key, caught.exception.key, message)
        for word in words:
            self.assertIn(word, message)
        self.assertNotIn("\n", message)

    def test_names(self) -> None:
        for name in ("", "Big", "a_b", "a-", "-a", "0a", "a" * 41, "a\n", "a/b", "ä"):
            with self.subTest(name):
                self.refused(replace(PAIR, name=name), ("name",), repr(name))

    def test_machine(self) -> None:
        for machine in ("pc", "pc-i440fx-8.2", "microvm", "q35\n"):
            self.refused(replace(PAIR, machine=machine), ("machine",), repr(machine))

    def test_cpu_counts(self) -> None:
        self.refused(replace(PAIR, cpus=CpuTopology(0)), ("cpus", "sockets"), "0 sockets")
        self.refused(replace(PAIR, cpus=CpuTopology(1, 2, -1)), ("cpus", "threads"), "-1")

    def test_apic_ids(self) -> None:
        # 17 cores take five bits: the last id is 7 * 32 + 16 with 8 sockets, 256 + 16 with 9.
        cpus = CpuTopology(9, 17)
        whole = Host("many", cpus, (node(0, 1, set(range(153))),))
        self.refused(whole, ("cpus",), "9 sockets", "17 cores", "272", "254")
        lay_out(Host("many", CpuTopology(8, 17), (node(0, 1, set(range(136))),)))
        self.refused(
            Host("many", CpuTopology(256), (node(0, 1, set(range(256))),)), ("cpus",), "255", "254"
        )

    def test_nodes_are_numbered(self) -> None:
        self.refused(replace(PAIR, nodes=()), ("nodes",), "0 NUMA nodes")
        self.refused(pair({"id": 3}), ("nodes", 0), "node 3", "place 0")

    def test_cpus_of_nodes(self) -> None:
        key = ("nodes", 1, "cpus")
        self.refused(pair(second={"cpus": frozenset({1, 2, 3})}), key, "CPUs 1 ", "node 0")
        self.refused(
            pair(second={"cpus": frozenset({2, 3, 7})}), key, "CPUs 7", "2 sockets x 2 cores", "0-3"
        )
        self.refused(pair(second={"cpus": frozenset({2})}), ("nodes",), "CPUs 3 of 0-3")

    def test_core_split(self) -> None:
        nodes = (node(0, 2, {0}), node(1, 2, {1}))
        host = Host("smt", CpuTopology(1, 1, 2), nodes)
        self.refused(host, ("nodes", 1, "cpus"), "threads 0-1", "nodes 0-1", "2 threads")

    def test_node_numbers_that_linux_would_not_give(self) -> None:
        swapped = pair({"cpus": frozenset({2, 3})}, {"cpus": frozenset({0, 1})})
        self.refused(swapped, ("nodes", 1, "cpus"), "node 1", "first CPU 0", "node 0")
        empty = pair({"cpus": frozenset()}, {"cpus": frozenset(range(4))})
        self.refused(empty, ("nodes", 1, "cpus"), "node 1", "node 0")
        lay_out(pair({"cpus": frozenset(range(4))}, {"cpus": frozenset()}))

    def test_distances(self) -> None:
        key = ("nodes", 1, "distances")
        self.refused(pair(second={"distances": ((1, 10),)}), key, "1 distances", "nodes 0-1")
        self.refused(pair(second={"distances": ()}), key, "0 distances", "to none")
        self.refused(pair(second={"distances": ((0, 20), (1, 11))}), (*key, 1), "11", "10")
        for distance in (10, 255):
            self.refused(
                pair(second={"distances": ((0, distance), (1, 10))}),
                (*key, 0),
                f"node 1 is {distance} from node 0",
            )
        lay_out(pair({"distances": ((0, 10), (1, 11))}, {"distances": ((0, 254), (1, 10))}))

    def test_memory(self) -> None:
        key = ("nodes", 1, "memory_mib")
        for memory_mib in (0, 100, 1000, -128):
            self.refused(pair(second={"memory_mib": memory_mib}), key, f"{memory_mib} MiB", "128")

    def test_huge_pages(self) -> None:
        key = ("nodes", 1, "hugepages")
        for pages, words in (
            (HugePages(4, 1), ("4 KiB", "2048")),
            (HugePages(2048, 0), ("0 huge pages",)),
            # 1024 MiB less 128 and 16 for the kernel leave 880.
            (HugePages(2048, 441), ("882 MiB", "441 x 2048", "1024 MiB", "144")),
            (HugePages(1048576, 1), ("1024 MiB", "144")),
        ):
            self.refused(pair(second={"huge_pages": (pages,)}), key, *words)
        lay_out(pair(second={"huge_pages": (HugePages(2048, 440),)}))
        twice = (HugePages(2048, 1), HugePages(2048, 2))
        self.refused(pair(second={"huge_pages": twice}), key, "2048, 2048")

    def test_gibibyte_pages_need_whole_ones(self) -> None:
        # Seen in a host of this shape: 1 page on each node is all that Linux 6.1 gets.
        huge = {"memory_mib": 4096, "huge_pages": (HugePages(1048576, 1),)}
        lay_out(pair(huge))
        huge["huge_pages"] = (HugePages(1048576, 2),)
        self.refused(pair(huge), ("nodes", 0, "hugepages"), "2 huge pages", "4096 to 6144", "1 ")

    def test_bus_without_devices(self) -> None:
        self.refused(pair(second={"bus": 20}), ("nodes", 1, "bus"), "bus 20")

    def test_bus_collision(self) -> None:
        three = (replace(NIC, count=3),)
        host = pair({"bus": 20, "devices": three}, {"bus": 23, "devices": three})
        self.refused(host, ("nodes", 1, "bus"), "23 to 26", "20 to 23", "node 0")
        lay_out(pair({"bus": 20, "devices": three}, {"bus": 24, "devices": three}))
        below = replace(pair({"bus": 2, "devices": three}), devices=three)
        self.refused(below, ("nodes", 0, "bus"), "2 to 5", "0 to 3", "pcie-root")

    def test_bus_overflow(self) -> None:
        three = (replace(NIC, count=3),)
        self.refused(
            pair({"bus": 253, "devices": three}), ("nodes", 0, "bus"), "253 to 256", "255", "252"
        )
        lay_out(pair({"bus": 252, "devices": three}))

    def test_buses_run_out(self) -> None:
        most = {"devices": (replace(NIC, count=32),)}
        nodes = tuple(replace(node(i, 8, {i}), **most) for i in range(8))
        host = Host("full", CpuTopology(8), nodes)
        self.refused(host, ("nodes",), "33 + 33", "1 to 255")

    def test_slots(self) -> None:
        self.refused(
            pair({"devices": (replace(NIC, count=30), replace(NIC, count=3))}),
            ("nodes", 0, "devices"),
            "33 NICs",
            "32 slots",
        )
        many = (replace(NIC, count=27),)
        lay_out(replace(PAIR, devices=many))
        host = replace(pair({"devices": (NIC,)}), devices=many)
        self.refused(host, ("devices",), "1 expander buses", "27 NICs", "28", "27 slots")

    def test_groups(self) -> None:
        key = ("nodes", 0, "devices", 0)
        many = DeviceGroup(igb.MODEL, vfs=8)
        for group, part, words in (
            (replace(NIC, count=0), "count", ("0 devices",)),
            (many, "vfs", ("8 virtual", "igb", "7")),
            (replace(NIC, vfs=1), "vfs", ("1 virtual", "e1000e", "no SR-IOV")),
            (
                replace(NIC, count=2, macs=("52:54:00:00:00:01",)),
                "macs",
                ("1 MAC addresses", "2 NICs"),
            ),
        ):
            self.refused(pair({"devices": (group,)}), (*key, part), *words)
        bound = pair({"devices": (replace(NIC, binding=Binding.VFIO_PCI),)})
        self.refused(replace(bound, iommu=NO_IOMMU), (*key, "driver"), "vfio-pci", "IOMMU")

    def test_macs(self) -> None:
        key = ("devices", 0, "macs", 0)
        for mac in ("", "52:54", "52:54:00:00:00:0G", "52-54-00-00-00-01", "52:54:00:00:00:0A"):
            group = replace(NIC, macs=(mac,))
            self.refused(replace(PAIR, devices=(group,)), key, repr(mac))
        for mac in ("01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"):
            group = replace(NIC, macs=(mac,))
            self.refused(replace(PAIR, devices=(group,)), key, mac, "multicast")
        mac = "52:54:00:00:00:01"
        host = replace(PAIR, devices=(replace(NIC, macs=(mac,)),), management=Management(mac=mac))
        self.refused(host, key, mac, "management.mac")
        self.refused(
            replace(PAIR, devices=(replace(NIC, count=2, macs=(mac, mac)),)),
            ("devices", 0, "macs", 1),
            "devices[0].macs[0]",
        )

    def test_iommu(self) -> None:
        self.refused(
            replace(PAIR, iommu=Iommu(address_width_bits=40)),
            ("iommu", "address_width_bits"),
            "is 40 with the IOMMU 'intel'",
            "39 or 48",
        )
        for key, value in (
            ("interrupt_remapping", True),
            ("caching_mode", True),
            ("address_width_bits", 39),
        ):
            iommu = replace(NO_IOMMU, **{key: value})
            self.refused(replace(PAIR, iommu=iommu), ("iommu", key), "without an IOMMU")


class AgreementTest(unittest.TestCase):
    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(hosts())
    def test_valid_hosts_lay_out(self, host) -> None:
        lay_out(host)
