# SPDX-License-Identifier: Apache-2.0
"""The plugin under a real tempest, in a workspace with a tempest.conf, without a cloud.

The vhost command is a stand-in here: what is tested is what tempest makes of its answers.
The end-to-end tests run the scenario against a real host.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCENARIO = "vhost_tempest_plugin.scenario.test_host.EmulatedHostTest"


def finding(verdict: str) -> dict[str, str]:
    return {
        "check": "iommu-active",
        "verdict": verdict,
        "expected": "active",
        "observed": "whatever",
        "hint": "intel_iommu=on on the kernel's command line",
    }


class TempestTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        top = Path(directory.name)
        self.workspace = top / "workspace"
        self.bin = top / "bin"
        self._mirror(top)
        self.environment = {**os.environ, "HOME": directory.name}
        self._tempest("init", str(self.workspace), cwd=top)
        self.unchanged = (self.workspace / "etc" / "tempest.conf").read_text()

    def _mirror(self, top: Path) -> None:
        """Make *top* the virtual environment that runs the tests, but for its commands."""
        prefix = Path(sys.prefix)
        (top / "pyvenv.cfg").symlink_to(prefix / "pyvenv.cfg")
        (top / "lib").symlink_to(prefix / "lib")
        self.bin.mkdir()
        (self.bin / "python").symlink_to(sys.executable)

    def _tempest(self, *words: str, cwd: Path) -> str:
        done = subprocess.run(
            [self.bin / "python", Path(sys.prefix) / "bin" / "tempest", *words],
            cwd=cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def run_scenario(self, options: str = "") -> str:
        """What ``tempest run`` prints with *options* in the group ``vhost``."""
        conf = self.workspace / "etc" / "tempest.conf"
        conf.write_text(f"{self.unchanged}\n[vhost]\n{options}\n")
        return self._tempest("run", "--serial", "--regex", SCENARIO, cwd=self.workspace)

    def stand_in(self, answer: str, complaint: str = "") -> None:
        """Make the vhost command one that says *answer* and, on standard error, *complaint*."""
        script = [
            "#!/bin/sh",
            f'echo "$@" >{self.bin}/asked',
            f"echo {shlex.quote(answer)}",
            f"echo {shlex.quote(complaint)} >&2",
        ]
        (self.bin / "vhost").write_text("\n".join(script) + "\n")
        (self.bin / "vhost").chmod(0o755)

    def test_without_a_host_it_is_skipped_and_says_which_option_is_missing(self) -> None:
        said = self.run_scenario()
        self.assertIn("[vhost]hosts is not set", said)
        self.assertIn("Skipped: 1", said)

    def test_a_host_that_is_right_passes(self) -> None:
        self.stand_in(json.dumps([finding("passed"), finding("not-applicable")]))
        said = self.run_scenario("hosts = demo\nchecks = vfio,kvm\ntopology = small")
        self.assertIn("Passed: 1", said)
        self.assertEqual(
            "check demo vfio kvm --compare-with small --format json\n",
            (self.bin / "asked").read_text(),
        )

    def test_a_host_that_is_wrong_or_not_known_fails_with_the_finding(self) -> None:
        for verdict in ("failed", "error"):
            with self.subTest(verdict):
                self.stand_in(json.dumps([finding("passed"), finding(verdict)]))
                said = self.run_scenario("hosts = demo")
                self.assertIn("Failed: 1", said)
                self.assertIn("intel_iommu=on on the kernel", said)

    def test_no_findings_at_all_fail(self) -> None:
        self.stand_in("[]")
        self.assertIn("Failed: 1", self.run_scenario("hosts = demo"))

    def test_a_command_that_fails_says_why(self) -> None:
        self.stand_in("", "there is no host demo")
        said = self.run_scenario("hosts = demo")
        self.assertIn("Failed: 1", said)
        self.assertIn("there is no host demo", said)
