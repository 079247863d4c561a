# SPDX-License-Identifier: Apache-2.0
"""The files around the code agree with each other and load."""

import configparser
import re
import unittest
from pathlib import Path

import yaml
from bindep.depends import Depends

TOP = Path(__file__).resolve().parents[2]


def packages(name: str, platform: str, *profiles: str) -> set[str]:
    """What the bindep file *name* lists for *platform*."""
    depends = Depends((TOP / name).read_text())
    return {rule[0] for rule in depends.active_rules([*profiles, f"platform:{platform}"])}


class PackagingTest(unittest.TestCase):
    def test_devstack_installs_what_bootstrap_does_less_the_tests(self) -> None:
        for platform in ("dpkg", "rpm"):
            with self.subTest(platform=platform):
                wanted = packages("bindep.txt", platform, "virt", "run", "build")
                self.assertEqual(wanted, packages("devstack/files/bindep.txt", platform))
                self.assertIn("graphviz", wanted)

    def test_every_requirement_is_constrained(self) -> None:
        constrained = {
            line.split("==")[0].lower().replace("_", "-")
            for line in (TOP / "constraints.txt").read_text().splitlines()
            if "==" in line
        }
        for name in ("requirements.txt", "test-requirements.txt", "doc/requirements.txt"):
            for requirement in re.findall(r"^[\w.-]+", (TOP / name).read_text(), re.MULTILINE):
                with self.subTest(file=name, requirement=requirement):
                    self.assertIn(requirement.lower().replace("_", "-"), constrained)

    def test_entry_points_exist(self) -> None:
        setup = configparser.ConfigParser()
        setup.read(TOP / "setup.cfg")
        for namespace, lines in setup["entry_points"].items():
            for line in lines.strip().splitlines():
                with self.subTest(namespace=namespace, entry=line):
                    module, attribute = line.split("=", 1)[1].strip().split(":")
                    loaded = __import__(module, fromlist=[attribute])
                    self.assertTrue(hasattr(loaded, attribute))

    def test_yaml_files_load(self) -> None:
        files = [
            *(TOP / "zuul.d").glob("*.yaml"),
            *(TOP / "playbooks").rglob("*.yaml"),
            TOP / ".pre-commit-config.yaml",
        ]
        self.assertGreaterEqual(len(files), 7)
        for path in files:
            with self.subTest(path=str(path.relative_to(TOP))):
                self.assertIsNotNone(yaml.safe_load(path.read_text()))

    def test_the_playbooks_of_the_job_exist(self) -> None:
        (job,) = (entry["job"] for entry in yaml.safe_load((TOP / "zuul.d/jobs.yaml").read_text()))
        for key in ("pre-run", "run", "post-run"):
            with self.subTest(key=key):
                self.assertTrue((TOP / job[key]).is_file())
