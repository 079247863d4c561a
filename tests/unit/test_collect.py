# SPDX-License-Identifier: Apache-2.0
import contextlib
import json
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path
from unittest import mock
from uuid import uuid4

from tests.unit import lab_settings
from vhost_tempest_plugin.cli import collected
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.errors import HostError, InputError
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.collect import collection as collections
from vhost_tempest_plugin.host.collect import host
from vhost_tempest_plugin.host.collect.collection import Collection, Piece
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.record import HostRecord, Phase
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.lab import collect
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabRecord
from vhost_tempest_plugin.topology import catalog, yaml_file
from vhost_tempest_plugin.util.process import Completed

STATUS = """\
<domstatus state='running'>
  <domain type='qemu' id='1'>
    <name>vhost-one</name>
  </domain>
</domstatus>
"""
DOMAIN = "  <domain type='qemu' id='1'>\n    <name>vhost-one</name>\n  </domain>\n"


class CollectCase(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = Path(scratch.name)
        state = mock.patch.dict("os.environ", {"XDG_STATE_HOME": str(self.top / "state")})
        state.start()
        self.addCleanup(state.stop)
        self.collection = Collection(self.top / "out", lambda text: text.replace("hidden", "***"))

    def text(self, path: str) -> str:
        return (self.top / "out" / path).read_text()

    def missing(self) -> dict[str, str]:
        pieces = self.collection.pieces
        return {piece.path: piece.missing for piece in pieces if piece.size_bytes is None}


class CollectionTest(CollectCase):
    def test_what_can_be_read_is_written_and_listed(self) -> None:
        self.collection.take("one/a.txt", lambda: "it is hidden\n")
        self.collection.finish()
        self.assertEqual("it is ***\n", self.text("one/a.txt"))
        listed = [Piece(**each) for each in json.loads(self.text(collections.INDEX))]
        self.assertEqual([Piece("one/a.txt", 10)], listed)

    def test_what_cannot_is_noted_and_stops_nothing(self) -> None:
        def broken() -> str:
            raise ValueError("hidden\nin two lines")

        self.collection.take("a", broken)
        self.collection.take("b", lambda: " \n")
        self.collection.take_file("c", self.top / "absent")
        self.collection.take("d", lambda: "there")
        self.assertEqual({"a", "b", "c"}, set(self.missing()))
        self.assertEqual("*** in two lines", self.missing()["a"])
        self.assertIn("No such file", self.missing()["c"])
        self.assertEqual(["d"], [path.name for path in (self.top / "out").iterdir()])

    def test_of_what_is_long_the_end_is_kept(self) -> None:
        long = self.top / "long"
        long.write_text("begin\n" + "x" * collections.LIMIT_BYTES + "end")
        self.collection.take_file("long", long)
        text = self.text("long")
        self.assertRegex(text, r"\A\[\d+ bytes before this were left out\]\nx")
        self.assertTrue(text.endswith("xend"))
        self.assertLess(len(text), collections.LIMIT_BYTES + 100)

    def test_a_directory_that_cannot_be_written(self) -> None:
        (self.top / "out").write_text("a file")
        with self.assertRaisesRegex(InputError, "give another directory"):
            self.collection.take("a", lambda: "b")

    def test_its_summary_says_what_is_missing(self) -> None:
        self.collection.take("a", lambda: "b")
        self.collection.lack("c", "it is off")
        said = collected.summary(self.collection).splitlines()
        self.assertEqual("c: it is off", said[0])
        self.assertRegex(said[1], r"^1 files, 1 not to be had: .*/collected.json$")


class FakeConnection:
    """Answers each command with its words, up to the one at which it hangs."""

    def __init__(self, hangs_at: str = "") -> None:
        self.asked: list[str] = []
        self._hangs_at = hangs_at

    def run(self, argv: Sequence[str], **options: object) -> Completed:
        # Only the end of what is said is taken.
        *ending, _ = argv[:4]
        assert "tail -c 8388608" in " ".join(ending), argv
        argv = argv[4:]
        self.asked.append(argv[0])
        if argv[0] == self._hangs_at:
            raise HostError("it did not end within 60 s")
        if argv[0] == "numactl":
            return Completed(argv, 127, "", "numactl:\nnot found")
        return Completed(argv, 0, f"said of {argv[0]}\n", "")


class HostTest(CollectCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = HostDirectory.of("one")
        (self.directory.libvirt_root / "run/qemu").mkdir(parents=True)
        (self.directory.libvirt_root / "run/qemu/vhost-one.xml").write_text(STATUS)
        (self.directory.libvirt_root / "log/qemu").mkdir(parents=True)
        (self.directory.libvirt_root / "log/qemu/vhost-one.log").write_text("qemu -device\n")
        self.directory.console_log.write_text("Linux version\n")
        self.directory.topology.write_text(yaml_file.dump(catalog.find("small").host))
        record = HostRecord("one", uuid4(), "small", Accelerator.TCG, "today", phase=Phase.RUNNING)
        self.directory.write(record)

    @contextlib.contextmanager
    def answering(self, connection: FakeConnection):  # type: ignore[no-untyped-def]
        @contextlib.contextmanager
        def connected(name: str):  # type: ignore[no-untyped-def]
            yield None, connection

        with mock.patch.object(status, "connected", connected):
            yield

    def test_a_host_that_died_leaves_its_files(self) -> None:
        host.collect("one", self.collection)
        self.assertEqual("Linux version\n", self.text("one/console.log"))
        self.assertEqual(DOMAIN, self.text("one/domain.xml"))
        self.assertEqual("qemu -device\n", self.text("one/qemu.log"))
        self.assertEqual("off", json.loads(self.text("one/status.json"))["phase"])
        missing = self.missing()
        self.assertIn("does not run", missing["one/nodedev.xml"])
        self.assertIn("does not run", missing["one/journal.log"])

    def test_one_that_runs_is_asked(self) -> None:
        with self.answering(FakeConnection()):
            host.collect("one", self.collection)
        self.assertEqual("said of cat\n", self.text("one/nova-compute.log"))
        self.assertEqual("said of journalctl\n", self.text("one/journal.log"))
        self.assertEqual("said of env\n", self.text("one/nodedev.xml"))
        self.assertEqual(
            {"one/libvirt.log": mock.ANY, "one/numa.txt": "numactl said: numactl: not found"},
            self.missing(),
        )

    def test_one_that_hangs_is_asked_no_more(self) -> None:
        connection = FakeConnection(hangs_at="dmesg")
        with self.answering(connection):
            host.collect("one", self.collection)
        self.assertEqual("dmesg", connection.asked[-1])
        self.assertEqual("said of virsh\n", self.text("one/capabilities.xml"))
        self.assertIn("did not end", self.missing()["one/journal.log"])
        self.assertIn("did not end", self.missing()["one/sysfs.txt"])

    def test_one_with_a_damaged_record(self) -> None:
        (self.directory.path / "record.json").write_text("{")
        host.collect("one", self.collection)
        self.assertEqual("damaged", json.loads(self.text("one/status.json"))["phase"])
        self.assertIn("record", self.missing()["one/journal.log"])

    def test_one_that_does_not_exist(self) -> None:
        with self.assertRaisesRegex(InputError, "there is no host 'two'"):
            host.collect("two", self.collection)


class LabTest(CollectCase):
    def test_a_lab_whose_programs_and_hosts_are_gone(self) -> None:
        directory = LabDirectory.of("lab")
        settings = lab_settings.settings(directory=directory.path)
        log = settings.log(collect.Service.NOVA_API)
        log.parent.mkdir(parents=True)
        log.write_text("GET /servers\n")
        record = mock.Mock(spec=LabRecord, hosts=("lab-0",))
        with (
            mock.patch.object(Lab, "find", return_value=Lab(directory, record)),
            mock.patch.object(Lab, "settings", settings),
        ):
            collect.collect("lab", self.collection)
        self.assertEqual("GET /servers\n", self.text("lab/logs/nova-api.log"))
        self.assertIn("[pci]", self.text("lab-0/nova-compute.conf"))
        missing = self.missing()
        self.assertIn("does not run", missing["lab/tables/placement/allocations.json"])
        self.assertIn("no such host", missing["lab-0/status.json"])
        self.assertEqual("no test was run on the lab", missing["lab/tempest/tempest.log"])

    def test_no_table_has_passwords_or_keys(self) -> None:
        taken = {table for tables in collect.TABLES.values() for table in tables}
        self.assertEqual(set(), taken & {"instances", "key_pairs", "cell_mappings"})
        self.assertNotIn(Database.KEYSTONE, collect.TABLES)
