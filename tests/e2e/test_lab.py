# SPDX-License-Identifier: Apache-2.0
"""A lab's whole life with the real command: a real OpenStack around a real emulated host."""

import os
import re
import signal
import subprocess
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from tests.e2e import emulated
from vhost_tempest_plugin import speed

NAME = "lab"
HOST = "lab-0"
TOPOLOGY = "small"
SERVICES = (
    *("epmd", "glance", "keystone", "mariadb", "neutron", "nova-api", "nova-conductor"),
    *("nova-metadata", "nova-scheduler", "placement", "rabbitmq"),
)


def wait_for(what: str, condition: Callable[[], object], limit_s: float = 120.0) -> None:
    """Wait until ``condition()`` is true."""
    end_s = time.monotonic() + limit_s * speed.slowness()
    while not condition():
        if time.monotonic() > end_s:
            raise AssertionError(f"not within {limit_s:g} s: {what}")
        time.sleep(0.2)


class LabTest(unittest.TestCase):
    """One lab for all tests; each leaves it up."""

    vhost: ClassVar[emulated.Vhost]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.vhost = cls.enterClassContext(emulated.home())
        cls.vhost.run("lab", "up", "--topology", TOPOLOGY)

    def lab(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.vhost.run("lab", *words, check=check)

    def findings(self, *checks: str) -> dict[str, dict[str, str]]:
        done = self.lab("check", *checks, "--format", "json", check=False)
        found = {finding["check"]: finding for finding in emulated.parsed(done.stdout)}
        failed = any(finding["verdict"] == "failed" for finding in found.values())
        self.assertEqual(int(failed), done.returncode, done)
        return found

    def assert_ready(self) -> None:
        failed = [f for f in self.findings().values() if f["verdict"] != "passed"]
        self.assertEqual([], failed)

    def parts(self) -> dict[tuple[str, str], dict[str, Any]]:
        done = self.lab("status", "--format", "json", check=False)
        return {(part["part"], part["where"]): part for part in emulated.parsed(done.stdout)}

    def test_it_is_ready(self) -> None:
        self.assert_ready()
        parts = self.parts()
        wanted = {*((name, "machine") for name in SERVICES), ("host", HOST), ("nova-compute", HOST)}
        self.assertEqual(wanted, set(parts))
        self.assertEqual(set(), {p for p, s in parts.items() if s["state"] not in _WELL})
        [lab] = self.vhost.json("lab", "list")
        self.assertEqual(("ready", HOST, TOPOLOGY), (lab["state"], lab["hosts"], lab["topology"]))

    def test_a_guest_with_a_nic(self) -> None:
        found = self.vhost.json("lab", "try")
        self.assertEqual([], [finding for finding in found if finding["verdict"] != "passed"])

    def test_tempest(self) -> None:
        done = self.lab("test", "--regex", r"vhost_tempest_plugin\..*PciAffinity")
        self.assertRegex(done.stdout, r"Passed: 2\n")
        self.assertRegex(done.stdout, r"Failed: 0\n")
        self.assertRegex(done.stdout, r"Skipped: 0\n")

    def test_clients(self) -> None:
        listed = self.lab("shell", "openstack", "hypervisor", "list", "-f", "value").stdout
        self.assertIn(HOST, listed)
        self.assertIn("export OS_PASSWORD=", self.lab("env").stdout)
        self.assertIn("auth_url:", self.lab("env", "--format", "clouds").stdout)

    def test_an_option_that_two_services_need(self) -> None:
        self.lab("set", "nova-compute", "pci.report_in_placement=true")
        self.assertEqual("passed", self.findings("placement")["placement"]["verdict"])
        self.assertIn("_0000:B5:00.0", self.findings("placement")["placement"]["observed"])
        self.lab("set", "nova-scheduler", "filter_scheduler.pci_in_placement=true")
        said = {(o["service"], o["option"]) for o in self.vhost.json("lab", "set")}
        readers = ("nova-api", "nova-scheduler", "nova-conductor")
        self.assertLessEqual({(name, "pci_in_placement") for name in readers}, said)
        self.lab("reset")
        self.assertEqual([], self.vhost.json("lab", "set"))
        self.assert_ready()

    def test_options_that_are_refused(self) -> None:
        mistyped = self.lab("set", "nova-compute", "pci.device_specs={}", check=False)
        self.assertEqual(2, mistyped.returncode)
        self.assertIn("device_spec", mistyped.stderr)
        self.assertEqual([], self.vhost.json("lab", "set"))

    def test_an_option_that_a_service_does_not_start_with(self) -> None:
        refused = self.lab("set", "nova-compute", "pci.device_spec={", check=False)
        self.assertNotEqual(0, refused.returncode)
        self.assertIn("nova-compute", refused.stderr.splitlines()[-1])
        self.assertEqual([], self.vhost.json("lab", "set"))
        self.assert_ready()

    def test_programs_that_are_killed_come_back(self) -> None:
        parts = self.parts()
        for name in ("mariadb", "rabbitmq", "nova-conductor"):
            os.kill(parts[name, "machine"]["pid"], signal.SIGKILL)
        wait_for("all are back", lambda: self._restarted(parts))
        wait_for("the lab is ready", lambda: not self._failed(), 240)

    def test_the_services_in_the_host_come_back(self) -> None:
        self.vhost.ssh(HOST, "systemctl kill -s KILL libvirtd nova-compute")
        wait_for("the lab is ready", lambda: not self._failed(), 400)
        self.assert_ready()

    def test_a_host_that_dies(self) -> None:
        [pid] = emulated.qemu_pids(self.vhost)
        os.kill(pid, signal.SIGKILL)
        wait_for("QEMU is gone", lambda: not emulated.qemu_pids(self.vhost))
        found = self.findings("hosts")["hosts"]
        self.assertEqual("failed", found["verdict"])
        self.assertIn("off", found["observed"])
        self.assertIn("vhost lab up", found["remedy"])
        self.lab("up", "--topology", TOPOLOGY)
        self.assert_ready()

    def test_reset_forgets_what_was_done_since(self) -> None:
        self.lab("shell", "openstack", "project", "create", "later")
        self.lab("reset")
        self.assertNotIn("later", self.lab("shell", "openstack", "project", "list").stdout)
        self.assert_ready()

    def test_down_and_up_again(self) -> None:
        self.lab("down")
        self.assertEqual([], _marked(self.vhost.state))
        self.assertEqual([], emulated.qemu_pids(self.vhost))
        [lab] = self.vhost.json("lab", "list")
        self.assertEqual("down", lab["state"])
        done = self.lab("up", "--topology", TOPOLOGY)
        self.assertIn("as it was when it was ready", done.stderr)
        self.assert_ready()

    def test_up_killed_and_repeated(self) -> None:
        self.lab("down")
        killed = self.vhost.start("lab", "up", "--topology", TOPOLOGY)
        wait_for("it is under way", lambda: _marked(self.vhost.state))
        killed.kill()
        killed.communicate()
        self.lab("up", "--topology", TOPOLOGY)
        self.assert_ready()

    def test_another_topology_is_refused(self) -> None:
        refused = self.lab("up", "--topology", "article", check=False)
        self.assertEqual(2, refused.returncode)
        self.assertIn("vhost lab destroy", refused.stderr)

    def test_only_the_loopback_address_is_listened_on(self) -> None:
        pids = {int(pid) for pid in _marked(self.vhost.state)}
        listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True)
        ours = [
            line
            for line in listening.stdout.splitlines()
            if pids & {int(pid) for pid in re.findall(r"pid=(\d+)", line)}
        ]
        self.assertGreaterEqual(len(ours), 8)
        self.assertEqual([], [line for line in ours if line.split()[3][:10] != "127.0.0.1:"])

    def test_secrets_are_the_owners_alone(self) -> None:
        directory = self.vhost.state / "vhost/labs" / NAME
        record = emulated.parsed((directory / "record.json").read_text())
        secrets = set(record["secrets"].values())
        commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        logs = self.lab("logs", "-n", "1000").stdout + self.lab("show", "config", "nova-api").stdout
        for secret in secrets:
            self.assertNotIn(secret, commands.stdout)
            self.assertNotIn(secret, logs)
        for path in (directory / "etc").rglob("*"):
            mode = path.stat().st_mode & 0o777
            self.assertEqual(0o700 if path.is_dir() else 0o600, mode, path)

    def _failed(self) -> list[str]:
        return [name for name, f in self.findings().items() if f["verdict"] != "passed"]

    def _restarted(self, before: dict[tuple[str, str], dict[str, Any]]) -> bool:
        now = self.parts()
        return all(
            now[name, "machine"]["state"] == "running"
            and now[name, "machine"]["pid"] != before[name, "machine"]["pid"]
            for name in ("mariadb", "rabbitmq", "nova-conductor")
        )


_WELL = ("running", "active")


def _marked(state: Path) -> list[str]:
    """The processes of labs below a state directory, by what the supervisor marks them with."""
    mark = f"VHOST_LAB={os.path.realpath(state)}".encode()
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                environment = (path / "environ").read_bytes()
            except OSError:
                continue
            if mark in environment:
                found.append(path.name)
    return found
