# SPDX-License-Identifier: Apache-2.0
"""The parts of the harness for the real devstack that need no container."""

import stat
import tempfile
import unittest
from pathlib import Path

from tests.devstack import local_conf, milestones, settings

SOURCE = (
    "2026-11-27 06:43:43 | + functions-common:run_plugins:1834 :"
    "   source /opt/stack/vhost-tempest-plugin/devstack/plugin.sh stack install"
)


class LocalConfTest(unittest.TestCase):
    def test_every_sample_gets_the_plugin_from_elsewhere(self) -> None:
        for path in local_conf.SAMPLES.glob("*.conf"):
            with self.subTest(sample=path.stem):
                text = local_conf.render(local_conf.read_sample(path.stem), "file:///p b", "/g", {})
                self.assertIn("\nenable_plugin vhost-tempest-plugin file:///p b\n", text)
                self.assertNotRegex(text, r"enable_plugin \S+ https:")

    def test_other_plugins_are_openstacks(self) -> None:
        text = local_conf.render(local_conf.read_sample("whitebox"), "u", "file:///g", {})
        other = "whitebox-tempest-plugin"
        self.assertIn(f"\nenable_plugin {other} file:///g/openstack/{other}.git\n", text)

    def test_lines_come_last_and_in_the_section_of_the_settings(self) -> None:
        text = local_conf.render(
            local_conf.read_sample("alias-only"), "u", "/g", {"A": "1"}, "A=2\n"
        )
        self.assertTrue(text.endswith("\n[[local|localrc]]\nA=1\nA=2\n"))

    def test_a_second_machine_has_the_addresses_of_both(self) -> None:
        text = local_conf.at(local_conf.read_sample("subnode"), "10.0.0.1", "10.0.0.2")
        self.assertIn("\nHOST_IP=10.0.0.2\nSERVICE_HOST=10.0.0.1\n", text)
        self.assertNotIn("192.0.2.", text)
        with self.assertRaises(AssertionError):
            local_conf.at(local_conf.read_sample("alias-only"), "10.0.0.1", "10.0.0.2")

    def test_passwords_stay_and_are_their_owners(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "passwords"
            first = local_conf.passwords(file)
            self.assertEqual(first, local_conf.passwords(file))
            self.assertEqual(0o600, stat.S_IMODE(file.stat().st_mode))
            self.assertEqual(len(local_conf.PASSWORDS), len(set(first.values())))


class MilestonesTest(unittest.TestCase):
    def test_phases_and_news_once_each(self) -> None:
        reported: list[str] = []
        follow = milestones.Milestones(reported.append)
        for line in (SOURCE, SOURCE, "nothing", "... | [   12.3 s] vhost-a-0: the host boots"):
            follow(line)
        self.assertEqual(
            ["stack install", "vhost-a-0: the host boots"],
            [line.split("s  ")[1] for line in reported],
        )


class SettingsTest(unittest.TestCase):
    def test_defaults(self) -> None:
        found = settings.read({settings.MIRRORS: "/m"})
        self.assertEqual(("alias-only", "small", None), (found.sample, found.topology, found.lines))
        self.assertFalse(found.fresh or found.keep)

    def test_what_is_said(self) -> None:
        said = {"ROOT": "/r", "PROJECTS": "a b", "KEEP": "1", "LINES": "/l"}
        found = settings.read(
            {settings.MIRRORS: "/m", **{f"VHOST_DEVSTACK_{k}": v for k, v in said.items()}}
        )
        self.assertEqual((Path("/r/logs"), Path("/r/tree")), (found.logs, found.tree))
        self.assertEqual(("a", "b"), found.projects[-2:])
        self.assertEqual((True, Path("/l")), (found.keep, found.lines))

    def test_a_second_machine_has_what_its_controller_downloaded(self) -> None:
        said = {
            settings.MIRRORS: "/m",
            "VHOST_DEVSTACK_CONTROLLER": "/c",
            "VHOST_DEVSTACK_KEEP": "",
        }
        found = settings.read(said)
        self.assertEqual(("subnode", "subnode"), (found.machine, found.sample))
        self.assertEqual((Path("/c"), Path("/c")), (found.kept, found.of_controller().root))
        self.assertNotEqual(found.root, found.kept)
        self.assertTrue(found.of_controller().keep)
        self.assertIsNone(found.of_controller().controller)
