# SPDX-License-Identifier: Apache-2.0
import importlib.metadata
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from stevedore.extension import Extension, ExtensionManager

from vhost_tempest_plugin.errors import InputError, TopologyError
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.devices import e1000e, igb
from vhost_tempest_plugin.topology.layout import lay_out
from vhost_tempest_plugin.topology.model import CpuTopology, DeviceGroup, Host, NumaNode

SHIPPED = ("article", "lopsided", "single", "small", "smt", "sockets", "sriov", "wide")
MINE = Host("mine", CpuTopology(1), (NumaNode(0, frozenset({0}), 512, ((0, 10),)),))


def registered(**plugins: catalog.Registered) -> catalog.Catalog:
    extensions = [
        Extension(name, importlib.metadata.EntryPoint(name, "m:f", catalog.NAMESPACE), plugin, None)
        for name, plugin in plugins.items()
    ]
    return catalog.load(ExtensionManager.make_test_instance(extensions, catalog.NAMESPACE))


class TestShipped(unittest.TestCase):
    def test_names(self) -> None:
        self.assertLessEqual(set(SHIPPED), set(catalog.names()))

    def test_each_works_under_its_name_in_whole_128_mib(self) -> None:
        for name in SHIPPED:
            with self.subTest(name):
                host = catalog.find(name).host
                self.assertEqual(host.name, name)
                for node in host.nodes:
                    self.assertEqual(node.memory_mib % 128, 0)

    def test_article(self) -> None:
        nics = (DeviceGroup(e1000e.MODEL, 3),)
        host = catalog.find("article").host
        self.assertEqual(
            host,
            Host(
                "article",
                CpuTopology(8),
                (
                    NumaNode(
                        0,
                        frozenset({0, 1, 2, 3}),
                        4096,
                        ((0, 10), (1, 20), (2, 20)),
                        devices=nics,
                        bus=180,
                    ),
                    NumaNode(
                        1,
                        frozenset({4, 5}),
                        2048,
                        ((0, 20), (1, 10), (2, 20)),
                        devices=nics,
                        bus=200,
                    ),
                    NumaNode(
                        2,
                        frozenset({6, 7}),
                        2048,
                        ((0, 20), (1, 20), (2, 10)),
                        devices=nics,
                        bus=220,
                    ),
                ),
            ),
        )

    def test_what_each_is_for(self) -> None:
        hosts = {name: catalog.find(name).host for name in SHIPPED}
        self.assertEqual(hosts["small"].memory_mib, 4096)
        self.assertEqual(
            [node.cpus for node in hosts["small"].nodes],
            [node.cpus for node in hosts["article"].nodes],
        )
        sockets = [
            {cpu.socket for cpu in lay_out(hosts["sockets"]).hardware().cpus if cpu.id in node.cpus}
            for node in hosts["sockets"].nodes
        ]
        self.assertEqual(sockets, [{0}, {0}, {1}, {1}])
        self.assertEqual(hosts["smt"].cpus.threads, 2)
        pages = [{page.size_kib for page in node.huge_pages} for node in hosts["smt"].nodes]
        self.assertEqual([{2048}, {2048, 1048576}], pages)
        self.assertEqual(1, len(hosts["single"].nodes))
        lopsided = hosts["lopsided"]
        self.assertEqual([sum(g.count for g in n.devices) for n in lopsided.nodes], [0, 6, 1])
        self.assertEqual(sum(group.count for group in lopsided.devices), 1)
        self.assertGreater(len({d for n in lopsided.nodes for _, d in n.distances}), 2)
        for node in hosts["sriov"].nodes:
            self.assertEqual(
                {(group.model, group.vfs > 0) for group in node.devices},
                {(igb.MODEL, True), (e1000e.MODEL, False)},
            )
        wide = hosts["wide"]
        self.assertEqual((len(wide.nodes), sum(g.count for _, g in wide.groups())), (8, 72))


class TestFind(unittest.TestCase):
    def test_path(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "tiny.yaml"
            path.write_text("nodes: [{cpus: 0, memory_mib: 512}]")
            self.assertEqual(catalog.find(str(path)).host.name, "tiny")

    def test_name_before_path(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "small").write_text("not a topology")
            code = (
                "from vhost_tempest_plugin.topology import catalog; "
                "print(catalog.find('small').host.name)"
            )
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=directory,
                env={"PYTHONPATH": str(Path(__file__).parents[2])},
                capture_output=True,
                text=True,
                check=True,
            )
            self.assertEqual(done.stdout.strip(), "small")

    def test_unknown_name_suggests(self) -> None:
        with self.assertRaisesRegex(InputError, "no topology 'artcle'; did you mean 'article'"):
            catalog.find("artcle")

    def test_unknown_name_lists_all(self) -> None:
        with self.assertRaisesRegex(InputError, "known are article, lopsided, single"):
            catalog.find("qqq")

    def test_what_cannot_be_read(self) -> None:
        for name in ("/nonexistent.yaml", "/", "a\0b.yaml", "./nothing"):
            with self.subTest(name), self.assertRaises(InputError) as caught:
                catalog.find(name)
            self.assertEqual(len(str(caught.exception).splitlines()), 1)


class TestRegistered(unittest.TestCase):
    def test_callable(self) -> None:
        found = registered(mine=lambda: MINE)
        self.assertIn("mine", found.names())
        self.assertEqual(found.find("mine"), lay_out(MINE))

    def test_path(self) -> None:
        path = catalog.load().shipped["smt"]
        for registration in (path, str(path)):
            self.assertEqual(registered(mine=registration).find("mine"), catalog.find("smt"))

    def test_shipped_name_cannot_be_taken(self) -> None:
        self.assertEqual(registered(article=lambda: MINE).find("article").host.name, "article")

    def test_no_host(self) -> None:
        with self.assertRaisesRegex(InputError, "'mine' gave a int and no Host"):
            registered(mine=lambda: 3).find("mine")  # type: ignore[dict-item,return-value]

    def test_host_that_cannot_work(self) -> None:
        bad = Host("bad", CpuTopology(2), MINE.nodes)
        with self.assertRaises(TopologyError):
            registered(bad=lambda: bad).find("bad")

    def test_installed_distribution(self) -> None:
        """A real entry point, and one that cannot be imported, in a process of their own."""
        code = (
            "from vhost_tempest_plugin.topology import catalog\n"
            "print(catalog.find('other').host.cpus.count, 'absent' in catalog.names())\n"
            "try:\n    catalog.find('absent')\nexcept catalog.InputError as e:\n    print(e)\n"
        )
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "other_topology.py").write_text(
                "from vhost_tempest_plugin.topology import catalog\n"
                "def other():\n    return catalog.find('smt').host\n"
            )
            info = Path(directory) / "other-1.dist-info"
            info.mkdir()
            (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
            (info / "entry_points.txt").write_text(
                f"[{catalog.NAMESPACE}]\nother = other_topology:other\nabsent = no_such:thing\n"
            )
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=directory,
                env={
                    "PYTHONPATH": f"{Path(__file__).parents[2]}:{directory}",
                    "XDG_CACHE_HOME": directory,
                },
                capture_output=True,
                text=True,
                check=False,
            )
        first, *rest = done.stdout.splitlines() or [done.stderr]
        self.assertEqual(first, "8 False")
        self.assertEqual(len(rest), 1)
        self.assertIn("'absent' cannot be loaded: ModuleNotFoundError", rest[0])
