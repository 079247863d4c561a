# SPDX-License-Identifier: Apache-2.0
"""A host's whole life with the real command, its murders included."""

import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from tests.e2e import emulated
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util import process, speed

NAME = "life"
OPEN = "open"
TOPOLOGY = """\
name: life
nodes:
  - {cpus: 0-1, memory_mib: 768, devices: [{model: e1000e}]}
  - {cpus: "2", memory_mib: 512, devices: [{model: e1000e, driver: vfio-pci}]}
devices: [{model: e1000e}]
"""
CHECKS = ("numa-topology", "pci-topology", "device-affinity", "iommu-groups", "vfio")


def wait_for(what: str, condition: Callable[[], object], limit_s: float = 120.0) -> None:
    """Wait until ``condition()`` is true."""
    end_s = time.monotonic() + limit_s * speed.timeout_scale()
    while not condition():
        if time.monotonic() > end_s:
            raise AssertionError(f"not within {limit_s:g} s: {what}")
        time.sleep(0.05)


class LifeTest(unittest.TestCase):
    """One host for all tests, each of which leaves it up."""

    vhost: ClassVar[emulated.Vhost]
    topology: ClassVar[Path]
    tree: ClassVar[Path]
    image: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.vhost = cls.enterClassContext(emulated.home())
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.topology = Path(directory) / "life.yaml"
        cls.topology.write_text(TOPOLOGY)
        cls.tree = Path(directory) / "tree"
        cls.tree.mkdir()
        (cls.tree / "file").write_text("first\n")
        (cls.tree / "link").symlink_to("file")
        (cls.tree / "program").write_text("#!/bin/sh\necho it runs\n")
        (cls.tree / "program").chmod(0o755)
        cls.image = Path(directory) / "tree.img"
        make_image(cls.image, cls.tree)

    def setUp(self) -> None:
        super().setUp()
        shares = (f"{self.tree}:/opt/tree", f"{self.image}:/root/a/b")
        self.vhost.run("up", self.topology, *(f"--share={share}" for share in shares))
        self.assertEqual("running", self.state())

    def state(self) -> str:
        [host] = [each for each in self.vhost.json("list") if each["name"] == NAME]
        return str(host["state"])

    def assert_right(self) -> None:
        found = self.vhost.findings(NAME, *CHECKS)
        self.assertEqual(dict.fromkeys(CHECKS, "passed"), verdicts(found))

    def test_it_is_what_its_topology_says(self) -> None:
        found = self.vhost.findings(NAME)
        self.assertEqual([], [f for f in found.values() if f["verdict"] in ("failed", "error")])
        self.assertEqual("passed", found["nested-guest"]["verdict"])
        self.assertIn("DHCP", found["nested-guest"]["observed"])

    def test_an_emulated_kernel_guards_itself_from_nothing(self) -> None:
        [host] = [each for each in self.vhost.json("list") if each["name"] == NAME]
        if host["accelerator"] != "tcg":
            self.skipTest("on a real CPU the kernel guards itself as it does anywhere")
        said = self.vhost.ssh(NAME, "cat /sys/devices/system/cpu/vulnerabilities/meltdown")
        self.assertEqual("Vulnerable", said.strip())

    def test_the_console_tells_how_far_it_has_come(self) -> None:
        # A restored host has said nothing yet.
        self.vhost.run("down", NAME)
        self.setUp()
        said = self.vhost.run("console", NAME).stdout
        self.assertRegex(said, rf"(?s)Linux version .*{NAME} goes on with /sbin/init")

    def test_it_knows_its_own_name(self) -> None:
        self.assertIn("127.0.1.1", self.vhost.ssh(NAME, f"getent -s files ahosts {NAME}"))

    def assert_clock_right(self) -> None:
        before_s = time.time()
        host_s = float(self.vhost.ssh(NAME, "date +%s.%N"))
        self.assertLess(before_s - 1, host_s)
        self.assertGreater(time.time() + 1, host_s)

    def change_tree(self) -> str:
        """Change what is shared; gives what the host sees until it boots again."""
        before = self.vhost.ssh(NAME, "cat /opt/tree/file")
        (self.tree / "file").write_text(f"after {before}")
        return before

    def test_saved_and_restored_with_what_ran_in_it(self) -> None:
        self.vhost.ssh(NAME, "systemd-run --unit=witness sleep infinity; echo 1 > /run/memory")
        shared = self.change_tree()
        # As if it were to be saved for an hour.
        self.vhost.ssh(NAME, "date -s '-1 hour'")
        self.vhost.run("save", NAME)
        self.assertEqual("saved", self.state())
        self.assertEqual([], emulated.qemu_pids(self.vhost))
        self.vhost.run("restore", NAME)
        self.assertIn("1", self.vhost.ssh(NAME, "cat /run/memory; systemctl is-active witness"))
        self.assert_clock_right()
        self.vhost.ssh(NAME, "echo 3 > /proc/sys/vm/drop_caches")
        self.assertEqual(shared, self.vhost.ssh(NAME, "cat /opt/tree/file"))
        self.assertEqual("it runs\n", self.vhost.ssh(NAME, "/root/a/b/program"))
        self.assert_right()
        refused = self.vhost.run("restore", NAME, check=False)
        self.assertEqual(2, refused.returncode)

    def test_a_saved_host_wants_its_shared_image_back(self) -> None:
        self.vhost.run("save", NAME)
        kept = self.image.with_suffix(".kept")
        self.image.rename(kept)
        for change in (lambda: None, lambda: make_image(self.image, self.tree)):
            change()
            for words in (("restore", NAME), ("up", self.topology)):
                refused = self.vhost.run(*words, check=False)
                self.assertEqual(2, refused.returncode)
                self.assertIn(str(self.image), refused.stderr.splitlines()[-1])
        self.assertEqual("saved", self.state())
        kept.rename(self.image)
        self.vhost.run("restore", NAME)
        self.assertEqual("it runs\n", self.vhost.ssh(NAME, "/root/a/b/program"))

    def test_shared_trees_are_there_and_read_only(self) -> None:
        for place in ("/opt/tree", "/root/a/b"):
            with self.subTest(place):
                file = self.vhost.ssh(NAME, f"cat {place}/file")
                self.assertIn("first", file)
                self.assertEqual(file, self.vhost.ssh(NAME, f"cat {place}/link"))
                self.assertEqual("it runs\n", self.vhost.ssh(NAME, f"{place}/program"))
                refused = self.vhost.run("ssh", NAME, f"touch {place}/file", check=False)
                self.assertIn("Read-only file system", refused.stderr)
        shares = self.vhost.json("show", NAME)["shares"].splitlines()
        self.assertEqual([f"{self.tree}:/opt/tree", f"{self.image}:/root/a/b"], shares)
        self.assertIn("<serial>vhost-share-2<", self.vhost.run("render", "--host", NAME).stdout)

    def test_it_reaches_the_machine_only_where_it_was_made_to(self) -> None:
        """The machine reaches it in any case: each answer comes by ssh."""
        self.vhost.run("up", self.topology, "--name", OPEN, "--internet")
        try:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
                for name, is_open in ((NAME, False), (OPEN, True)):
                    with self.subTest(name):
                        self.assertEqual(is_open, self.vhost.reaches(name, "10.0.2.2", port))
                        recorded = self.vhost.json("show", name)["internet"]
                        self.assertEqual("yes" if is_open else "no", recorded)
        finally:
            self.vhost.run("destroy", OPEN)

    def test_other_shares_are_refused(self) -> None:
        refused = self.vhost.run("up", self.topology, f"--share={self.tree}:/srv", check=False)
        self.assertEqual(2, refused.returncode)
        self.assertIn(f"vhost destroy {NAME}", refused.stderr)

    def test_a_nic_is_unplugged_and_comes_back(self) -> None:
        """Such a host cannot be saved: it would be lost."""
        device = str(catalog.find(str(self.topology)).devices[0].address)
        driver = f"/sys/bus/pci/devices/{device}/driver"
        self.assertIn("e1000e", self.vhost.ssh(NAME, f"readlink {driver}"))
        self.vhost.run("unplug", NAME, device)
        self.assertEqual("", self.vhost.ssh(NAME, f"readlink {driver} || true"))
        self.vhost.run("plug", NAME, device)
        self.assertIn("e1000e", self.vhost.ssh(NAME, f"readlink {driver}"))
        refused = self.vhost.run("save", NAME, check=False)
        self.assertEqual(2, refused.returncode)
        self.assertIn("a NIC came back", refused.stderr)
        self.assertEqual("running", self.state())
        self.vhost.run("unplug", NAME, device)
        self.vhost.run("plug", NAME, device, "--multifunction")
        group = self.vhost.ssh(NAME, f"ls /sys/bus/pci/devices/{device}/iommu_group/devices")
        self.assertEqual([device, f"{device[:-1]}1"], group.split())
        found = self.vhost.findings(NAME, "iommu-groups")
        self.assertEqual({"iommu-groups": "failed"}, verdicts(found))
        self.vhost.run("down", NAME)
        self.setUp()
        self.assert_right()
        self.vhost.run("save", NAME)
        self.vhost.run("restore", NAME)

    def test_down_keeps_the_disk(self) -> None:
        self.vhost.ssh(NAME, "echo kept > /root/file; sync")
        shared = self.change_tree()
        self.vhost.run("down", NAME)
        self.assertEqual("off", self.state())
        self.assertEqual([], emulated.qemu_pids(self.vhost))
        self.vhost.run("up", self.topology)
        self.assertEqual("kept\n", self.vhost.ssh(NAME, "cat /root/file"))
        self.assertEqual(f"after {shared}", self.vhost.ssh(NAME, "cat /opt/tree/file"))
        self.assert_clock_right()

    def test_a_reboot_from_inside(self) -> None:
        before = self.vhost.ssh(NAME, "cat /proc/sys/kernel/random/boot_id")
        self.vhost.run("ssh", NAME, "systemctl reboot", check=False)

        def rebooted() -> bool:
            done = self.vhost.run("ssh", NAME, "cat /proc/sys/kernel/random/boot_id", check=False)
            return done.returncode == 0 and done.stdout != before

        wait_for("the host is back", rebooted, 300)
        self.assert_right()

    def test_qemu_killed(self) -> None:
        [pid] = emulated.qemu_pids(self.vhost)
        os.kill(pid, signal.SIGKILL)
        wait_for("QEMU is gone", lambda: not emulated.qemu_pids(self.vhost))
        self.assertEqual("off", self.state())
        failed = self.vhost.run("check", NAME, check=False)
        self.assertEqual(4, failed.returncode)
        self.assertIn("vhost up", failed.stderr)
        self.vhost.run("up", self.topology)
        self.assert_right()

    def test_up_killed_while_the_host_boots(self) -> None:
        self.vhost.run("down", NAME)
        killed = self.vhost.start("up", self.topology)
        wait_for("QEMU runs", lambda: emulated.qemu_pids(self.vhost))
        killed.kill()
        killed.communicate()
        self.vhost.run("up", self.topology)
        self.assert_right()

    def test_save_killed(self) -> None:
        """At several moments; afterwards the host is running, saved or off, and comes up."""
        for delay_s in (0.3, 0.8, 1.3):
            with self.subTest(delay_s=delay_s):
                killed = self.vhost.start("save", NAME)
                with self.assertRaises(subprocess.TimeoutExpired):
                    killed.wait(delay_s)
                killed.kill()
                killed.communicate()
                self.assertIn(self.state(), ("running", "saved", "off"))
                self.vhost.run("up", self.topology)
                self.assert_right()

    def test_two_commands_at_once(self) -> None:
        """The second waits for the first."""
        self.vhost.run("down", NAME)
        commands = [self.vhost.start("up", self.topology) for _ in range(2)]
        said = [command.communicate()[1] for command in commands]
        self.assertEqual([0, 0], [command.returncode for command in commands], said)
        self.assertEqual(1, len(emulated.qemu_pids(self.vhost)))
        self.assertTrue(any("waiting for" in text for text in said), said)

    def test_another_topology_is_refused(self) -> None:
        refused = self.vhost.run("up", "small", "--name", NAME, check=False)
        self.assertEqual(2, refused.returncode)
        self.assertIn(f"vhost destroy {NAME}", refused.stderr)
        self.assertEqual("running", self.state())

    def test_destroy_leaves_nothing_even_with_a_damaged_record(self) -> None:
        directory = self.vhost.state / "vhost/hosts" / NAME
        (directory / "record.json").write_text("{")
        self.assertEqual("damaged", self.state())
        self.vhost.run("destroy", NAME)
        self.assertEqual([], emulated.qemu_pids(self.vhost))
        self.assertFalse(directory.exists())

    def test_nothing_runs_as_root(self) -> None:
        users = emulated.users(self.vhost)
        self.assertIn("qemu-system-x86", "".join(users))
        self.assertEqual([], [name for name, uids in users.items() if 0 in uids])

    def test_secrets_are_the_owners_alone(self) -> None:
        directory = self.vhost.state / "vhost/hosts" / NAME
        self.assertEqual(0o700, directory.stat().st_mode & 0o777)
        for name in ("client_key", "host_key", "initrd", "record.json"):
            with self.subTest(file=name):
                self.assertEqual(0o600, (directory / name).stat().st_mode & 0o777)


def make_image(image: Path, tree: Path) -> None:
    argv = [process.which("mkfs.ext4"), "-q", "-F", "-d", tree, image, "8M"]
    subprocess.run(argv, check=True)


def verdicts(findings: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: finding["verdict"] for name, finding in findings.items()}
