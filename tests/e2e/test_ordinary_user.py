# SPDX-License-Identifier: Apache-2.0
"""A host's life as somebody who is not root, with a home and a cache of his own."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from tests.e2e import emulated
from vhost_tempest_plugin import image

NAME = "ordinary"
USER = "nobody"
TOPOLOGY = """\
name: ordinary
nodes:
  - {cpus: 0-1, memory_mib: 768, devices: [{model: e1000e}]}
  - {cpus: "2", memory_mib: 512, devices: [{model: e1000e}]}
"""
CHECKS = ("numa-topology", "pci-topology", "device-affinity", "iommu-active", "nodedev")


class OrdinaryUserTest(unittest.TestCase):
    """Where the tests run as root, everything here is done as another user.

    The image is a copy of root's, to save the time of building it.
    """

    vhost: ClassVar[emulated.Vhost]
    topology: ClassVar[Path]
    home: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        made = image.build()
        directory = tempfile.TemporaryDirectory(prefix="vhost-user-")
        cls.home = Path(cls.enterClassContext(directory))
        cls.topology = cls.home / "ordinary.yaml"
        cls.topology.write_text(TOPOLOGY)
        kept = cls.home / "cache" / "vhost" / "image" / made.digest
        kept.parent.mkdir(parents=True)
        argv = ["cp", "-r", "--sparse=always", "--reflink=auto", made.disk.parent, kept]
        subprocess.run(argv, check=True)
        environment = {"HOME": str(cls.home), "XDG_CACHE_HOME": str(cls.home / "cache")}
        prefix: list[str] = []
        if os.geteuid() == 0:
            prefix = _as_user()
            uid = pwd.getpwnam(USER).pw_uid
            for place, _, names in os.walk(cls.home):
                for path in (Path(place), *(Path(place) / name for name in names)):
                    os.chown(path, uid, -1)
        state = cls.home / "state"
        cls.vhost = cls.enterClassContext(
            emulated.ended(emulated.Vhost(state, prefix, environment))
        )

    def test_1_doctor_misses_nothing(self) -> None:
        found = self.vhost.json("doctor", self.topology)
        missing = [finding for finding in found if finding["verdict"] == "missing"]
        self.assertEqual([], missing)
        self.assertIn("user namespaces", {finding["name"] for finding in found})

    def test_2_life(self) -> None:
        self.vhost.run("up", self.topology, "--name", NAME)
        self.assertNotEqual([], pids := emulated.qemu_pids(self.vhost))
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in pids}
        self.assertNotIn(0, owners)
        verdicts = {n: f["verdict"] for n, f in self.vhost.findings(NAME, *CHECKS).items()}
        self.assertEqual(dict.fromkeys(CHECKS, "passed"), verdicts)
        self.vhost.run("save", NAME)
        self.vhost.run("restore", NAME)
        self.assertEqual("2", self.vhost.ssh(NAME, "cat /sys/devices/system/cpu/present")[-2])
        self.vhost.run("destroy", NAME)
        self.assertEqual([], emulated.qemu_pids(self.vhost))
        self.assertEqual([], self.vhost.json("list"))

    def test_3_nothing_is_left(self) -> None:
        left = [path for path in (self.home / "state").rglob("*") if path.is_file()]
        self.assertEqual([], left)


def _as_user() -> list[str]:
    """The words that make a command the user's.

    Where the checkout lies in a directory of root's own, he may read what he could not.
    """
    base = [shutil.which("setpriv") or "setpriv", f"--reuid={USER}", "--clear-groups"]
    base.append(f"--regid={pwd.getpwnam(USER).pw_gid}")
    if subprocess.run([*base, "test", "-r", sys.executable], check=False).returncode == 0:
        return base
    return [*base, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
