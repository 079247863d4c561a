# SPDX-License-Identifier: Apache-2.0
"""The files around the code agree with each other and load."""

import configparser
import importlib.metadata
import re
import unittest
from pathlib import Path

import yaml
from bindep.depends import Depends
from packaging.utils import canonicalize_name

from tests.unit.test_layers import imports
from tools.layers import PACKAGE
from vhost_tempest_plugin import errors
from vhost_tempest_plugin.host.checks import registry
from vhost_tempest_plugin.host.distribution import Distribution
from vhost_tempest_plugin.host.doctor.packages import DPKG, TOOLS
from vhost_tempest_plugin.host.image import distribution
from vhost_tempest_plugin.lab.checks.base import LAB

TOP = Path(__file__).resolve().parents[2]


def packages(name: str, platform: str, *profiles: str) -> set[str]:
    """What the bindep file *name* lists for *platform*."""
    depends = Depends((TOP / name).read_text())
    return {rule[0] for rule in depends.active_rules([*profiles, f"platform:{platform}"])}


class PackagingTest(unittest.TestCase):
    def test_devstack_installs_what_bootstrap_does_less_the_tests(self) -> None:
        wanted = packages("bindep.txt", "dpkg", "virt", "run", "build")
        self.assertEqual(wanted, packages("devstack/files/bindep.txt", "dpkg"))
        self.assertIn("graphviz", wanted)

    def test_devstack_installs_nothing_where_the_plugin_refuses(self) -> None:
        self.assertEqual(set(), packages("devstack/files/bindep.txt", "rpm"))

    def test_devstacks_variables_are_documented(self) -> None:
        settings = (TOP / "devstack/settings").read_text()
        table = (TOP / "doc/source/user/devstack.rst").read_text()
        known = re.findall(r"^ *(VHOST_\w+)=\$\{\1", settings, re.MULTILINE)
        documented = re.findall(r"^   \* - ``(VHOST_\w+)``", table, re.MULTILINE)
        self.assertEqual(sorted({*known, "VHOST_NAME"}), sorted(documented))

    def test_devstacks_samples_set_what_there_is(self) -> None:
        settings = (TOP / "devstack/settings").read_text()
        table = (TOP / "doc/source/user/devstack.rst").read_text()
        samples = sorted((TOP / "devstack/samples").glob("*.conf"))
        for sample in samples:
            with self.subTest(sample=sample.name):
                self.assertIn(f"``{sample.name}``", table)
                for name in re.findall(r"^(VHOST_\w+)=", sample.read_text(), re.MULTILINE):
                    self.assertIn(f"{name}=${{{name}", settings)
        self.assertLessEqual(6, len(samples))

    def test_devstack_takes_distributions_whose_packages_are_known(self) -> None:
        settings = (TOP / "devstack/settings").read_text()
        (names,) = re.findall(r'^VHOST_DISTROS="(.*)"', settings, re.MULTILINE)
        owners = {"bookworm": "debian", "trixie": "debian", "noble": "ubuntu"}
        for name in names.split():
            system = Distribution(owners[name], name)
            self.assertEqual(name, distribution.of(system).codename)

    def test_bootstrap_installs_what_the_doctor_looks_for(self) -> None:
        installed = packages("bindep.txt", "dpkg", "virt", "run", "lab", "build")
        # Those of every system, and devstack's.
        installed |= {"apt", "coreutils", "sudo", "systemd", "lz4"}
        self.assertLessEqual({name for tool in TOOLS for name in tool.packages(DPKG)}, installed)

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

    def test_every_requirement_is_imported(self) -> None:
        """But for what another program needs: setup.py pbr."""
        requirements = {
            canonicalize_name(name)
            for name in re.findall(
                r"^[\w.-]+", (TOP / "requirements.txt").read_text(), re.MULTILINE
            )
        }
        imported = {
            name.partition(".")[0]
            for path in (TOP / PACKAGE).rglob("*.py")
            for name in imports(path)
        }
        providers = importlib.metadata.packages_distributions()
        used = {canonicalize_name(each) for name in imported for each in providers.get(name, ())}
        self.assertEqual({"pbr"}, requirements - used)

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

    def test_roles_and_playbooks_make_nothing_that_everybody_writes(self) -> None:
        modes = 0
        for top in ("roles", "playbooks"):
            for path in sorted((TOP / top).rglob("*.y*ml")):
                for mode in re.findall(r"^ *mode: *['\"]?0*(\d+)", path.read_text(), re.MULTILINE):
                    modes += 1
                    with self.subTest(path=str(path.relative_to(TOP)), mode=mode):
                        self.assertFalse(int(mode, 8) & 0o022)
        self.assertGreaterEqual(modes, 2)

    def test_the_playbooks_of_the_jobs_exist(self) -> None:
        entries = yaml.safe_load((TOP / "zuul.d/jobs.yaml").read_text())
        keys = ("pre-run", "run", "post-run")
        playbooks = {entry["job"][key] for entry in entries for key in keys if key in entry["job"]}
        self.assertGreaterEqual(len(playbooks), 5)
        for playbook in playbooks:
            with self.subTest(playbook=playbook):
                self.assertTrue((TOP / playbook).is_file())

    def test_every_check_is_documented_in_its_order(self) -> None:
        text = (TOP / "doc/source/reference/checks.rst").read_text()
        self.assertEqual(
            list(registry.HOST.load()), re.findall(r"^   \* - ``(.*)``$", text, re.MULTILINE)
        )

    def test_every_check_of_a_lab_is_documented_in_its_order(self) -> None:
        text = (TOP / "doc/source/user/lab.rst").read_text()
        self.assertEqual(list(LAB.load()), re.findall(r"^   \* - ``(.*)``$", text, re.MULTILINE))

    def test_every_shipped_topology_is_documented(self) -> None:
        names = {
            path.stem for path in (TOP / "vhost_tempest_plugin/topology/shipped").glob("*.yaml")
        }
        reference = (TOP / "doc/source/reference/topologies.rst").read_text()
        self.assertEqual(names, set(re.findall(r"shipped/(.*)\.yaml", reference)))
        readme = (TOP / "README.rst").read_text()
        self.assertEqual(names, names & set(re.findall(r"^(\w+) +\d+ ", readme, re.MULTILINE)))

    def test_every_exit_code_is_documented(self) -> None:
        text = (TOP / "doc/source/reference/exit-codes.rst").read_text()
        documented = {int(code) for code in re.findall(r"^   \* - (\d+)$", text, re.MULTILINE)}
        kinds = [kind for kind in vars(errors).values() if hasattr(kind, "exit_code")]
        self.assertLessEqual({kind.exit_code for kind in kinds}, documented)
