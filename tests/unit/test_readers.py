# SPDX-License-Identifier: Apache-2.0
import socket
import sqlite3
import tempfile
import unittest
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

from vhost_tempest_plugin.errors import HostError, InputError
from vhost_tempest_plugin.nova.expect import Observation
from vhost_tempest_plugin.nova.readers import NovaDatabase, Placement
from vhost_tempest_plugin.nova.views import Holding, NovaView
from vhost_tempest_plugin.topology.pci import PciAddress
from vhost_tempest_plugin.util.private_files import near

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


class SqliteCursor:
    """Runs the queries of MySQL's dialect in SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        self._cursor = connection.cursor()

    def execute(self, query: str, values: tuple[object, ...]) -> None:
        self._cursor.execute(query.replace("%s", "?").replace("%%", "%"), values)

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> Any:
        return self._cursor.fetchall()


SCHEMA = """
    CREATE TABLE compute_nodes (id, uuid, host, deleted);
    CREATE TABLE pci_devices (address, vendor_id, product_id, numa_node, dev_type, status,
                              instance_uuid, compute_node_id, deleted);
    CREATE TABLE instances (uuid, host, deleted);
    CREATE TABLE instance_extra (instance_uuid, numa_topology, flavor, deleted);
    CREATE TABLE instance_system_metadata (instance_uuid, `key`, value, deleted);
    CREATE TABLE services (id, host, `binary`, version, deleted);
    INSERT INTO compute_nodes VALUES (1, 'node', 'lab-0', 0);
    INSERT INTO instances VALUES ('here', 'lab-0', 0), ('bare', 'lab-0', 0), ('there', 'lab-1', 0);
    INSERT INTO instance_extra VALUES ('here', NULL,
        '{"cur": {"nova_object.data": {"extra_specs": {"hw:numa_nodes": "1"}}}}', 0);
    INSERT INTO instance_system_metadata VALUES
        ('here', 'image_hw_locked_memory', 'true', 0), ('here', 'image_min_ram', '0', 0),
        ('here', 'image_hw_cpu_policy', 'shared', 1), ('there', 'image_hw_cpu_policy', 'x', 0);
    INSERT INTO services VALUES (1, 'lab-0', 'nova-compute', 70, 1),
        (2, 'lab-0', 'nova-compute', 72, 0), (3, 'lab-0', 'nova-conductor', 74, 0),
        (4, 'lab-1', 'nova-compute', 74, 0);
"""


class NovaDatabaseTest(unittest.TestCase):
    def test_what_nova_has_of_a_host(self) -> None:
        database = NovaDatabase("mysql+pymysql://user:secret@127.0.0.1/nova_cell1")
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(SCHEMA)
            cursor = nullcontext(SqliteCursor(connection))
            with patch.object(database, "_cursor", lambda: cursor):
                seen = database.view("lab-0")
        asked = {"here": {"hw:numa_nodes": "1", "hw_locked_memory": "true"}, "bare": {}}
        nowhere = {"here": Observation(), "bare": Observation()}
        self.assertEqual(NovaView("node", (), nowhere, asked, 72), seen)

    def test_one_that_listens_on_a_socket_however_long_its_name(self) -> None:
        with tempfile.TemporaryDirectory(prefix="50% a b") as scratch:
            path = Path(scratch, "d" * 100, "socket")
            path.parent.mkdir()
            query = urlencode({"unix_socket": path, "charset": "utf8mb4"}, safe="/")
            database = NovaDatabase(f"mysql+pymysql://user:secret@localhost/nova_cell1?{query}")
            with near(path) as name, socket.socket(socket.AF_UNIX) as server:
                server.bind(name)
                server.listen()
                with ThreadPoolExecutor(1) as pool:
                    looked = pool.submit(database.view, "lab-0")
                    server.accept()[0].close()
                    with self.assertRaisesRegex(HostError, "does not answer: .*Lost connection"):
                        looked.result()

    def test_what_is_no_url(self) -> None:
        for url in ("", "sqlite://", "mysql+pymysql://user:secret@host", "mysql+pymysql://h:x/n"):
            with self.subTest(url), self.assertRaises(InputError) as refused:
                NovaDatabase(url)
            self.assertNotIn("secret", str(refused.exception))

    def test_one_that_does_not_answer(self) -> None:
        database = NovaDatabase("mysql+pymysql://user:secret@127.0.0.1:1/nova_cell1?charset=utf8")
        with self.assertRaises(HostError) as refused:
            database.view("lab-0")
        self.assertNotIn("secret", str(refused.exception))
