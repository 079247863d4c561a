# SPDX-License-Identifier: Apache-2.0
"""The job vhost-tempest-plugin-lab on this machine: its pre, run and post with a real lab.

Not part of ``make test``: python -m unittest tests.e2e.lab_job
"""

import json
import os
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, ClassVar

from tests.e2e import emulated
from tests.e2e.lab_case import wait_for
from tests.zuul.node import TOP, Node

LAB = "job"
HOST = f"{LAB}-0"
# What a post-run is for; each has what it is about in it.
PIECES = {
    f"{HOST}/console.before.log": "Linux version",
    f"{HOST}/domain.xml": "<domain ",
    f"{HOST}/capabilities.xml": "<cell id='2'>",
    f"{HOST}/nodedev.xml": "<numa node='2'/>",
    f"{HOST}/journal.log": "systemd",
    f"{HOST}/kernel.log": "DMAR",
    f"{HOST}/nova-compute.log": "nova",
    f"{HOST}/nova-compute.conf": "device_spec",
    "lab/tables/nova_cell1/pci_devices.json": '"dev_type"',
    "lab/tables/placement/inventories.json": '"total"',
    "lab/tables/placement/resource_providers.json": HOST,
    "lab/logs/nova-scheduler.log": "nova",
    "lab/status.json": '"running"',
    "lab/tempest/tempest.conf": "[vhost]",
    "host/index.html": f'href="{HOST}.html"',
    f"host/{HOST}.html": "<svg",
    "tests/index.html": 'href="tests.html"',
    "tests/tests.html": "<html",
}


class LabJobTest(unittest.TestCase):
    """One lab for all tests; each leaves it up."""

    vhost: ClassVar[emulated.Vhost]
    node: ClassVar[Node]
    top: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.vhost = cls.enterClassContext(emulated.home())
        scratch = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="vhost-job-"))
        cls.top = Path(scratch)
        cls.node = cls.new_node("first")
        for name in ("pre", "run", "post"):
            cls.play(cls.node, name, "first")

    @classmethod
    def new_node(cls, name: str) -> Node:
        """This machine with another directory of the executor's."""
        directory = cls.top / f"executor-{name}"
        directory.mkdir()
        return Node(directory, {"XDG_STATE_HOME": str(cls.vhost.state)})

    @classmethod
    def play(cls, node: Node, name: str, logs: str, *, fails: bool = False, **more: Any) -> None:
        """Run one of the job's playbooks and print how long it took."""
        begun_s = time.monotonic()
        variables = {
            "vhost_lab": LAB,
            "vhost_logs": str(cls.top / logs),
            "vhost_lab_tests": ["--smoke"],
            **more,
        }
        done = node.play(TOP / f"playbooks/lab/{name}.yaml", variables, check=False)
        took = f"    {name}: {time.monotonic() - begun_s:.0f} s, {done.returncode}"
        print(took, file=sys.__stderr__, flush=True)
        if (done.returncode != 0) != fails:
            raise AssertionError(f"{name}: {done.stdout}{done.stderr}")

    def collected(self, logs: str) -> dict[str, str]:
        """What was asked for, and why it is missing; empty where it is there."""
        listed = json.loads((self.top / logs / "collected.json").read_text())
        return {piece["path"]: piece["missing"] for piece in listed}

    def test_every_artifact_is_what_it_says(self) -> None:
        for path, content in PIECES.items():
            with self.subTest(piece=path):
                self.assertIn(content, (self.top / "first" / path).read_text())
        self.assertEqual(9, len(json.loads(self.text("lab/tables/nova_cell1/pci_devices.json"))))

    def test_the_links_lead_somewhere_and_begin_with_a_report(self) -> None:
        artifacts = self.node.artifacts()
        self.assertEqual("Report on the scenarios", artifacts[0]["name"])
        self.assertEqual("Report on the host", artifacts[1]["name"])
        for artifact in artifacts:
            with self.subTest(artifact=artifact["name"]):
                place = artifact["url"].removeprefix("vhost")
                self.assertTrue((self.top / f"first{place}").exists())

    def test_no_secret_is_collected(self) -> None:
        record = self.vhost.state / "vhost/labs" / LAB / "record.json"
        secrets = set(json.loads(record.read_text())["secrets"].values())
        for path in (path for path in (self.top / "first").rglob("*") if path.is_file()):
            text = path.read_text(errors="replace")
            for secret in secrets:
                self.assertNotIn(secret, text, path)

    def test_a_run_that_fails(self) -> None:
        node = self.new_node("failed")
        self.play(node, "run", "failed", fails=True, vhost_lab_tests=["--regex", "^unheard-of"])
        self.play(node, "post", "failed")
        self.assertEqual("", self.collected("failed")[f"{HOST}/journal.log"])
        self.assertEqual("Report on the host", node.artifacts()[0]["name"])

    def test_a_host_that_died(self) -> None:
        (pid,) = emulated.qemu_pids(self.vhost)
        os.kill(pid, signal.SIGKILL)
        wait_for("QEMU is gone", lambda: not emulated.qemu_pids(self.vhost))
        node = self.new_node("died")
        self.play(node, "post", "died")
        found = self.collected("died")
        for name in ("console.before.log", "domain.xml", "qemu.log", "status.json"):
            self.assertEqual("", found[f"{HOST}/{name}"], name)
        self.assertIn("does not run", found[f"{HOST}/journal.log"])
        self.assertEqual("", found["lab/tables/nova_cell1/pci_devices.json"])
        self.assertIn(
            f"Console of {HOST} before it was saved", [each["name"] for each in node.artifacts()]
        )
        self.vhost.run("lab", "up", "--name", LAB)

    def text(self, path: str) -> str:
        return (self.top / "first" / path).read_text()
