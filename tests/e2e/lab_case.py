# SPDX-License-Identifier: Apache-2.0
"""A lab of the real command's for tests: a real OpenStack around a real emulated host."""

import os
import subprocess
import sys
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from tests.e2e import emulated
from vhost_tempest_plugin.util import speed

NAME = "lab"
HOST = "lab-0"
TOPOLOGY = "small"
SERVICES = (
    *("glance", "keystone", "mariadb", "neutron", "nova-api", "nova-conductor"),
    *("nova-metadata", "nova-scheduler", "placement", "rabbitmq", "tunnels"),
)


def wait_for(what: str, condition: Callable[[], object], limit_s: float = 120.0) -> None:
    """Wait until ``condition()`` is true."""
    end_s = time.monotonic() + limit_s * speed.timeout_scale()
    while not condition():
        if time.monotonic() > end_s:
            raise AssertionError(f"not within {limit_s:g} s: {what}")
        time.sleep(0.2)


def read_until(command: subprocess.Popen[str], news: str) -> None:
    """Read what a command prints until a line has *news*."""
    assert command.stderr is not None
    for line in command.stderr:
        sys.__stderr__.write(f"    {line}")
        if news in line:
            return
    raise AssertionError(f"it ended with {command.wait()} before {news!r}")


class LabCase(unittest.TestCase):
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
        failed = any(finding["verdict"] in ("failed", "error") for finding in found.values())
        self.assertEqual(int(failed), done.returncode, done)
        return found

    def assert_ready(self) -> None:
        failed = [f for f in self.findings().values() if f["verdict"] != "passed"]
        self.assertEqual([], failed)

    def parts(self) -> dict[tuple[str, str], dict[str, Any]]:
        done = self.lab("status", "--format", "json", check=False)
        return {(part["part"], part["where"]): part for part in emulated.parsed(done.stdout)}

    def assert_nothing_runs(self) -> None:
        self.assertEqual([], marked(self.vhost.state))
        self.assertEqual([], emulated.qemu_pids(self.vhost))
        [lab] = self.vhost.json("lab", "list")
        self.assertEqual("down", lab["state"])

    def _failed(self) -> list[str]:
        return [name for name, f in self.findings().items() if f["verdict"] != "passed"]

    def _restarted(self, before: dict[tuple[str, str], dict[str, Any]]) -> bool:
        now = self.parts()
        return all(
            now[name, "machine"]["state"] == "running"
            and now[name, "machine"]["pid"] != before[name, "machine"]["pid"]
            for name in ("mariadb", "rabbitmq", "nova-conductor")
        )


WELL = ("running", "active")
RAISE = 'raise RuntimeError("said by the test")'
SAY = 'LOG.warning("{} said by the test")'
WORDS = ("first", "second")


def marked(state: Path, name: str = NAME) -> list[str]:
    """The processes of a lab below a state directory, by what the supervisor marks them with."""
    mark = f"VHOST_LAB={os.path.realpath(state)}/vhost/labs/{name}".encode()
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                environment = (path / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark in environment:
                found.append(path.name)
    return found
