# SPDX-License-Identifier: Apache-2.0
"""Faults of a lab, and what is changed in one, in tests that take half an hour.

Not part of ``make test``: python -m unittest tests.e2e.lab_faults
"""

import signal
import socket
import tempfile
from pathlib import Path

from tests.e2e import emulated, source
from tests.e2e.lab_case import (
    HOST,
    NAME,
    RAISE,
    SAY,
    TOPOLOGY,
    WORDS,
    LabCase,
    marked,
    read_until,
    wait_for,
)
from tests.functional import intruder

# What a module does when it is imported, by whoever imports it.
WITNESS = "import os, tempfile; tempfile.mkstemp(dir={directory!r})\n"


class LabFaultsTest(LabCase):
    """One lab for all tests; each leaves it up."""

    def test_an_option_that_two_services_need(self) -> None:
        self.lab("config", "set", "nova-compute", "pci.report_in_placement=true")
        self.assertEqual("passed", self.findings("placement")["placement"]["verdict"])
        self.assertIn("_0000:B5:00.0", self.findings("placement")["placement"]["observed"])
        self.lab("config", "set", "nova-scheduler", "filter_scheduler.pci_in_placement=true")
        said = {(o["service"], o["option"]) for o in self.vhost.json("lab", "config", "list")}
        readers = ("nova-api", "nova-scheduler", "nova-conductor")
        self.assertLessEqual({(name, "pci_in_placement") for name in readers}, said)
        self.lab("reset")
        self.assertEqual([], self.vhost.json("lab", "config", "list"))
        self.assert_ready()

    def test_an_option_that_a_service_does_not_start_with(self) -> None:
        wrong = "filter_scheduler.enabled_filters=NoSuchFilter"
        refused = self.lab("config", "set", "nova-scheduler", wrong, check=False)
        self.assertEqual(4, refused.returncode)
        self.assertIn("Filter NoSuchFilter could not be found", refused.stderr.splitlines()[-1])
        self.assertIn("] nova-scheduler: ", refused.stderr)
        self.assertEqual([], self.vhost.json("lab", "config", "list"))
        self.assert_ready()

    def test_the_services_in_the_host_come_back(self) -> None:
        self.vhost.ssh(HOST, "systemctl kill -s KILL libvirtd nova-compute")
        wait_for("the lab is ready", lambda: not self._failed(), 400)
        self.assert_ready()

    def test_up_ended_at_several_moments_and_repeated(self) -> None:
        self.lab("down")
        for number, moment in (
            (signal.SIGKILL, "its first program runs"),
            (signal.SIGTERM, "nova-conductor"),
            (signal.SIGKILL, "nova-compute reconnects"),
        ):
            with self.subTest(moment=moment, signal=number.name):
                up = self.vhost.start("lab", "up")
                if moment.startswith("nova"):
                    read_until(up, moment)
                else:
                    wait_for(moment, lambda: marked(self.vhost.state))
                up.send_signal(number)
                up.communicate()
                if number == signal.SIGTERM:
                    self.assertEqual(130, up.returncode)
                    self.assert_nothing_runs()
        self.lab("up")
        self.assert_ready()

    def test_a_service_that_does_not_come_up(self) -> None:
        self.lab("down")
        tablespace = self.vhost.state / "vhost/labs" / NAME / "snapshot/mysql/ibdata1"
        kept = tablespace.with_name("kept")
        tablespace.rename(kept)
        try:
            failed = self.lab("up", check=False)
        finally:
            kept.rename(tablespace)
        self.assertEqual(4, failed.returncode)
        self.assertRegex(failed.stderr.splitlines()[-1], "mariadb (ended|is|exited)")
        self.assertRegex(failed.stderr, r"\] mariadb: .*InnoDB")
        self.assert_nothing_runs()
        record = self.vhost.state / "vhost/labs" / NAME / "record.json"
        before = emulated.parsed(record.read_text())["ports"]
        password = emulated.parsed(record.read_text())["secrets"]["admin"]
        with socket.create_server(("127.0.0.1", before["broker"])) as listener:
            done = self.lab("up")
            listener.setblocking(False)
            # nova-compute of the host that was saved knew this port.
            with self.assertRaises(BlockingIOError):
                listener.accept()
        self.assertIn(f"another program has port {before['broker']}; the lab takes", done.stderr)
        self.assertFalse(
            set(before.values()) & set(emulated.parsed(record.read_text())["ports"].values())
        )
        self.lab("shell", "openstack", "token", "issue")
        words = ("shell", "openstack", "--os-password", password, "token", "issue")
        refused = self.lab(*words, check=False)
        self.assertIn("HTTP 401", refused.stderr)
        self.assert_ready()

    def test_a_second_lab_beside_it(self) -> None:
        """Nobody takes one of its ports before it is listened on; it is destroyed on its way up."""
        record = self.vhost.state / "vhost/labs/second/record.json"
        up = self.vhost.start("lab", "up", "--name", "second", "--topology", TOPOLOGY)
        read_until(up, "database")
        ports = emulated.parsed(record.read_text())["ports"]
        self.assertEqual([], intruder.listens_on(tuple(ports.values())))
        read_until(up, "accounts, catalogue")
        self.assertEqual(ports, emulated.parsed(record.read_text())["ports"])
        self.assert_ready()
        self.assertEqual({NAME, "second"}, {lab["name"] for lab in self.vhost.json("lab", "list")})
        destroyed = self.lab("destroy", "--name", "second")
        self.assertIn("ending pid", destroyed.stderr)
        up.communicate()
        self.assertEqual(130, up.returncode)
        self.assertFalse(record.parent.exists())
        self.assertEqual([], marked(self.vhost.state, "second"))
        self.assertEqual([HOST], [host["name"] for host in self.vhost.json("list")])
        self.assert_ready()

    def test_the_nova_under_test(self) -> None:
        directory = self.vhost.state / "vhost/labs" / NAME
        python = Path(emulated.parsed((directory / "record.json").read_text())["environment"])
        with tempfile.TemporaryDirectory() as scratch:
            tree = source.make(python / "bin/python", Path(scratch))
            scheduler, compute = tree / "nova/scheduler/manager.py", tree / source.MANAGER
            healthy = scheduler.read_text()
            source.insert(scheduler, r"def __init__\(self, \*args, \*\*kwargs\):", RAISE)
            with self.subTest("one with which a service does not start"):
                failed = self.lab("up", "--nova", str(tree), check=False)
                self.assertEqual(4, failed.returncode)
                self.assertIn("nova-scheduler ended", failed.stderr.splitlines()[-1])
                self.assertIn("RuntimeError: said by the test", failed.stderr.splitlines()[-1])
                self.assertIsNone(emulated.parsed((directory / "record.json").read_text())["nova"])
                self.assert_ready()
            witnesses = Path(scratch) / "witnesses"
            witnesses.mkdir(mode=0o777)
            witnesses.chmod(0o777)
            scheduler.write_text(WITNESS.format(directory=str(witnesses)) + healthy)
            source.insert(compute, r"def init_host\(self, service_ref\):", SAY.format("first"))
            self.lab("up", "--nova", str(tree))
            self.assertIn(
                "first said by the test", self.lab("logs", "nova-compute", "-n", "2000").stdout
            )
            with self.subTest("nothing of it is root's"):
                owners = {path.stat().st_uid for path in witnesses.iterdir()}
                self.assertTrue(owners)
                self.assertNotIn(0, owners)
            with self.subTest("a line changed"):
                compute.write_text(compute.read_text().replace(*map(SAY.format, WORDS)))
                self.lab("restart", "nova-compute")
                self.assertIn(
                    "second said by the test", self.lab("logs", "nova-compute", "-n", "2000").stdout
                )
            with self.subTest("one that does not import"):
                scheduler.write_text("import no_such_module\n")
                refused = self.lab("restart", check=False)
                self.assertEqual(2, refused.returncode)
                self.assertIn("No module named 'no_such_module'", refused.stderr.splitlines()[-1])
                self.assert_ready()
        self.lab("up", "--release-nova")
        self.assert_ready()

    def test_a_mutant(self) -> None:
        """It is noticed; the lab is given its Nova back, also where the check was killed."""
        record = self.vhost.state / "vhost/labs" / NAME / "record.json"
        chosen = ("test", "--mutants", "^numatune-left-out$")
        done = self.lab(*chosen, "--output", str(self.vhost.state / "mutants"))
        self.assertRegex(done.stdout, r"killed +numatune-left-out +RequiredTest\.test_pinned")
        self.assertIn("1 killed, 0 survived", done.stdout)
        self.assertTrue((self.vhost.state / "mutants/mutants.html").is_file())
        self.assertIsNone(emulated.parsed(record.read_text())["nova"])
        self.assert_ready()
        check = self.vhost.start("lab", *chosen)
        read_until(check, "mutant numatune-left-out")
        check.kill()
        check.communicate()
        self.assertIn("mutants/tree", emulated.parsed(record.read_text())["nova"])
        self.lab("up")
        self.assertIsNone(emulated.parsed(record.read_text())["nova"])
        self.assert_ready()
