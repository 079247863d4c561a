# SPDX-License-Identifier: Apache-2.0
"""A lab's whole life with the real command: a real OpenStack around a real emulated host."""

import os
import re
import signal
import socket
import subprocess

from tests.e2e import emulated
from tests.e2e.lab_case import (
    HOST,
    NAME,
    SERVICES,
    TOPOLOGY,
    WELL,
    LabCase,
    marked,
    read_until,
    wait_for,
)
from vhost_tempest_plugin.cloud.compute.unit import PRELOADER


class LabTest(LabCase):
    """One lab for all tests; each leaves it up."""

    def test_it_is_ready(self) -> None:
        self.assert_ready()
        parts = self.parts()
        wanted = {*((name, "machine") for name in SERVICES), ("host", HOST), ("nova-compute", HOST)}
        self.assertEqual(wanted, set(parts))
        self.assertEqual(set(), {p for p, s in parts.items() if s["state"] not in WELL})
        [lab] = self.vhost.json("lab", "list")
        self.assertEqual(("ready", HOST, TOPOLOGY), (lab["state"], lab["hosts"], lab["topology"]))

    def test_nova_compute_finds_its_imports_done(self) -> None:
        """It is a copy of the process that has imported for it, in its own control group."""
        importer = self.vhost.ssh(HOST, f"systemctl show -P MainPID {PRELOADER}").strip()
        self.assertNotEqual("0", importer)
        group = "/sys/fs/cgroup/system.slice/nova-compute.service/cgroup.procs"
        parents = self.vhost.ssh(HOST, f"xargs -a {group} ps -o comm=,ppid= -p")
        self.assertIn(["nova-compute", importer], [line.split() for line in parents.splitlines()])

    def test_a_guest_with_a_nic(self) -> None:
        found = self.vhost.json("lab", "smoke")
        self.assertEqual([], [finding for finding in found if finding["verdict"] != "passed"])

    def test_tempest(self) -> None:
        listed = self.vhost.json("required-tests", "--topology", TOPOLOGY, "--tag", "smoke")
        must_run = [test for test in listed if test["must run"]]
        # The lab's neutron has no agents.
        others = [test["why not"] for test in listed if not test["must run"]]
        self.assertEqual({"needs [vhost]neutron_ports, has 0"}, set(others))
        report = self.vhost.state / "report"
        done = self.lab("test", "--smoke", "--output", str(report))
        self.assertIn(f"{len(must_run)} passed, 0 failed, {len(others)} skipped\n", done.stdout)
        self.assertEqual(
            {
                *("index.html", "tests.html", "tests.json", "tests.subunit", "tests.xml"),
                *("collected.json", "logs", "records", "tempest.conf"),
            },
            {path.name for path in report.iterdir()},
        )
        found = emulated.parsed((report / "tests.json").read_text())
        self.assertTrue(found["good"])
        records = [outcome["record"] for outcome in found["outcomes"] if outcome["record"]]
        self.assertTrue(any(record["servers"] for record in records))

    def test_tempest_without_tests(self) -> None:
        done = self.lab("test", "--regex", "no.such.test", check=False)
        self.assertEqual(2, done.returncode)
        self.assertIn("no.such.test", done.stderr)

    def test_clients(self) -> None:
        listed = self.lab("shell", "openstack", "hypervisor", "list", "-f", "value").stdout
        self.assertIn(HOST, listed)
        self.assertIn("export OS_PASSWORD=", self.lab("env").stdout)
        self.assertIn("auth_url:", self.lab("env", "--format", "clouds").stdout)

    def test_options_that_are_refused(self) -> None:
        mistyped = self.lab("config", "set", "nova-compute", "pci.device_specs={}", check=False)
        self.assertEqual(2, mistyped.returncode)
        self.assertIn("device_spec", mistyped.stderr)
        self.assertEqual([], self.vhost.json("lab", "config", "list"))

    def test_programs_that_are_killed_come_back(self) -> None:
        parts = self.parts()
        for name in ("mariadb", "rabbitmq", "nova-conductor", "tunnels"):
            os.kill(parts[name, "machine"]["pid"], signal.SIGKILL)
        wait_for("all are back", lambda: self._restarted(parts))
        wait_for("the lab is ready", lambda: not self._failed(), 240)

    def test_nova_compute_waits_for_no_answer_of_a_conductor_that_ends(self) -> None:
        restart = self.vhost.start("lab", "restart", "nova-conductor")
        read_until(restart, "restarting nova-conductor")
        self.assertEqual("frozen", self._freezer_state())
        restart.communicate()
        self.assertEqual((0, "running"), (restart.returncode, self._freezer_state()))

    def test_all_of_nova_is_restarted(self) -> None:
        """nova-compute is there early, and must ask no conductor that ends."""
        self.lab("restart")
        self.assert_ready()

    def _freezer_state(self) -> str:
        asked = "systemctl show -P FreezerState nova-compute.service"
        return self.vhost.ssh(HOST, asked).strip()

    def test_a_host_reaches_the_services_of_its_lab_and_nothing_else(self) -> None:
        record = (self.vhost.state / "vhost/labs" / NAME / "record.json").read_text()
        ports = emulated.parsed(record)["ports"]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            anybodys = listener.getsockname()[1]
            for address, port, is_reached in (
                ("127.0.0.1", ports["broker"], True),
                ("127.0.0.1", ports["keystone"], True),
                ("127.0.0.1", anybodys, False),
                ("10.0.2.2", ports["keystone"], False),
                ("10.0.2.2", anybodys, False),
            ):
                with self.subTest(address, port=port):
                    self.assertEqual(is_reached, self.vhost.reaches(HOST, address, port))

    def test_a_host_that_dies(self) -> None:
        [pid] = emulated.qemu_pids(self.vhost)
        os.kill(pid, signal.SIGKILL)
        wait_for("QEMU is gone", lambda: not emulated.qemu_pids(self.vhost))
        found = self.findings("hosts")["hosts"]
        self.assertEqual("failed", found["verdict"])
        self.assertIn("off", found["observed"])
        self.assertIn("vhost lab up", found["hint"])
        self.lab("up", "--topology", TOPOLOGY)
        self.assert_ready()

    def test_the_life_of_its_host_is_the_labs(self) -> None:
        [host] = self.vhost.json("list")
        self.assertEqual("lab lab", host["owner"])
        for words in (
            *((verb, HOST) for verb in ("down", "save", "restore", "destroy")),
            ("up", "--name", HOST),
        ):
            refused = self.vhost.run(*words, check=False)
            self.assertEqual(2, refused.returncode, refused.stderr)
            self.assertIn("'vhost lab destroy --name lab'", refused.stderr)
        refused = self.vhost.run("up", "single", "--name", "lab-7", check=False)
        self.assertIn("hosts called 'lab-7' belong to lab 'lab'", refused.stderr)
        self.assertEqual([host], self.vhost.json("list"))
        self.assert_ready()

    def test_reset_forgets_what_was_done_since(self) -> None:
        self.lab("shell", "openstack", "project", "create", "later")
        self.lab("reset")
        self.assertNotIn("later", self.lab("shell", "openstack", "project", "list").stdout)
        self.assert_ready()

    def test_down_and_up_again(self) -> None:
        self.lab("down")
        self.assert_nothing_runs()
        refused = self.lab("check", check=False)
        self.assertEqual(2, refused.returncode, refused.stderr)
        self.assertIn("is not up; 'vhost lab up", refused.stderr)
        done = self.lab("up", "--topology", TOPOLOGY)
        self.assertIn("as it was when it was ready", done.stderr)
        self.assert_ready()

    def test_too_little_memory(self) -> None:
        huge = self.vhost.state / "huge.yaml"
        huge.write_text('nodes: [{cpus: "0", memory_mib: 4194304}]\n')
        refused = self.lab("up", "--name", "huge", "--topology", str(huge), check=False)
        self.assertEqual(3, refused.returncode)
        self.assertRegex(refused.stderr.splitlines()[-1], r"\d+ MiB of memory and \d+ MiB are free")
        self.assertFalse((self.vhost.state / "vhost/labs/huge").exists())

    def test_another_topology_is_refused(self) -> None:
        refused = self.lab("up", "--topology", "article", check=False)
        self.assertEqual(2, refused.returncode)
        self.assertIn("vhost lab destroy", refused.stderr)

    def test_only_the_loopback_address_is_listened_on(self) -> None:
        pids = {*map(int, marked(self.vhost.state)), *emulated.qemu_pids(self.vhost)}
        listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True)
        ours = [
            line
            for line in listening.stdout.splitlines()
            if pids & {int(pid) for pid in re.findall(r"pid=(\d+)", line)}
        ]
        self.assertGreaterEqual(len(ours), 8)
        loopback = "127.0.0.1:"
        self.assertEqual([], [each for each in ours if not each.split()[3].startswith(loopback)])

    def test_nothing_runs_as_root(self) -> None:
        users = emulated.users(self.vhost)
        self.assertEqual([], [name for name, uids in users.items() if 0 in uids])
        programs = ("qemu-system", "mariadbd", "beam.smp", "gunicorn", "nova", "python")
        for program in programs:
            self.assertTrue(any(name.startswith(program) for name in users), (program, users))

    def test_secrets_are_the_owners_alone(self) -> None:
        directory = self.vhost.state / "vhost/labs" / NAME
        record = emulated.parsed((directory / "record.json").read_text())
        secrets = set(record["secrets"].values())
        commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        logs = self.lab("logs", "-n", "1000").stdout + self.lab("config", "show", "nova-api").stdout
        for secret in secrets:
            self.assertNotIn(secret, commands.stdout)
            self.assertNotIn(secret, logs)
        # What is linked to is the environment's, and has no secrets.
        for path in (path for path in (directory / "etc").rglob("*") if not path.is_symlink()):
            mode = path.stat().st_mode & 0o777
            self.assertEqual(0o700 if path.is_dir() else 0o600, mode, path)
