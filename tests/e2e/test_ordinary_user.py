# SPDX-License-Identifier: Apache-2.0
"""A host's life as somebody who is not root, with a home and a cache of his own."""

import getpass
import os
import unittest
from pathlib import Path
from typing import ClassVar

from tests.e2e import emulated, ordinary

LAB = "ordinary"
# What a lab of that name would call its host.
NAME = f"{LAB}-0"
TOPOLOGY = """\
name: ordinary
nodes:
  - {cpus: 0-1, memory_mib: 768, devices: [{model: e1000e}]}
  - {cpus: "2", memory_mib: 512, devices: [{model: e1000e}]}
"""
CHECKS = ("numa-topology", "pci-topology", "device-affinity", "iommu-active", "nodedev")


class OrdinaryUserTest(unittest.TestCase):
    """Where the tests run as root, everything here is done as another user."""

    vhost: ClassVar[emulated.Vhost]
    topology: ClassVar[Path]
    home: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        user = cls.enterClassContext(ordinary.user(("ordinary.yaml", TOPOLOGY)))
        cls.home = user.home
        cls.topology = cls.home / "ordinary.yaml"
        state = cls.home / "state"
        cls.vhost = cls.enterClassContext(
            emulated.ended(emulated.Vhost(state, user.prefix, user.environment))
        )

    def test_1_doctor_misses_nothing_but_ids_to_build_images_with(self) -> None:
        found = self.vhost.json("doctor", self.topology, check=False)
        missing = {finding["name"] for finding in found if finding["verdict"] == "missing"}
        ranges = Path("/etc/subuid").read_text().splitlines()
        name = ordinary.USER if os.geteuid() == 0 else getpass.getuser()
        has_range = any(line.split(":")[0] in (name, str(os.geteuid())) for line in ranges)
        self.assertEqual(set() if has_range else {"user namespaces"}, missing)
        self.assertIn("user namespaces", {finding["name"] for finding in found})

    def test_2_life(self) -> None:
        self.vhost.run("up", self.topology, "--name", NAME)
        self.assertNotEqual([], pids := emulated.qemu_pids(self.vhost))
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in pids}
        self.assertNotIn(0, owners)
        verdicts = {n: f["verdict"] for n, f in self.vhost.findings(NAME, *CHECKS).items()}
        self.assertEqual(dict.fromkeys(CHECKS, "passed"), verdicts)
        self.check_it_is_the_users()
        self.vhost.run("save", NAME)
        self.vhost.run("restore", NAME)
        self.assertEqual("2", self.vhost.ssh(NAME, "cat /sys/devices/system/cpu/present")[-2])
        self.vhost.run("destroy", NAME)
        self.assertEqual([], emulated.qemu_pids(self.vhost))
        self.assertEqual([], self.vhost.json("list"))

    def check_it_is_the_users(self) -> None:
        """A lab that would have a host of this name is refused before anything is made."""
        refused = self.vhost.run("lab", "up", "--name", LAB, check=False)
        self.assertEqual(2, refused.returncode, refused.stderr)
        self.assertIn(f"host '{NAME}' belongs to you", refused.stderr)
        self.assertEqual([], self.vhost.json("lab", "list"))
        [host] = self.vhost.json("list")
        self.assertEqual((NAME, "running", "user"), (host["name"], host["state"], host["owner"]))

    def test_3_nothing_is_left(self) -> None:
        left = [path for path in (self.home / "state").rglob("*") if path.is_file()]
        self.assertEqual([], left)
