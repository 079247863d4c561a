# SPDX-License-Identifier: Apache-2.0
import importlib
import re
import tempfile
import unittest
from pathlib import Path

from oslo_config import cfg
from tempest import config as tempest_config
from tempest.test_discover.plugins import TempestTestPluginManager

from vhost_tempest_plugin import config
from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.plugin import VhostTempestPlugin
from vhost_tempest_plugin.scenario import environment

HOSTS = "[vhost]\nhosts=a,b\ntopology=small\ntopologies=b:single\nnova_cell_database=mysql://x\n"


class PluginTest(unittest.TestCase):
    def setUp(self) -> None:
        self.conf = cfg.ConfigOpts()
        VhostTempestPlugin().register_opts(self.conf)
        self.conf([])

    def test_tempest_finds_it(self) -> None:
        self.assertIn("vhost_tests", TempestTestPluginManager().get_plugin_load_tests_tuple())

    def test_tests_are_where_it_says(self) -> None:
        directory, top = VhostTempestPlugin().load_tests()
        names = [test.id() for suite in self._cases(directory, top) for test in suite]
        modules = {name.partition("[")[0].rsplit(".", 2)[0] for name in names}
        files = Path(directory).glob("test_*.py")
        self.assertEqual({f"vhost_tempest_plugin.scenario.{f.stem}" for f in files}, modules)
        ids = [re.search(r"id-[0-9a-f-]{36}", name) for name in names]
        self.assertEqual(len(names), len({found[0] for found in ids if found}))

    def _cases(self, directory: str, top: str) -> list[unittest.TestSuite]:
        pending, leaves = [unittest.TestLoader().discover(directory, top_level_dir=top)], []
        while pending:
            suite = pending.pop()
            inner = [item for item in suite if isinstance(item, unittest.TestSuite)]
            pending += inner
            if not inner and suite.countTestCases():
                leaves.append(suite)
        return leaves

    def test_defaults(self) -> None:
        self.assertEqual([], self.conf.vhost.hosts)
        self.assertIsNone(self.conf.vhost.topology)
        self.assertEqual([], self.conf.vhost.checks)

    def test_registering_twice_is_harmless(self) -> None:
        VhostTempestPlugin().register_opts(self.conf)

    def test_sample_lists_what_is_registered(self) -> None:
        ((group, options),) = VhostTempestPlugin().get_opt_lists()
        self.assertEqual("vhost", group)
        self.assertEqual({option.dest for option in options}, set(self.conf.vhost))

    def test_help_says_effect_unit_and_source(self) -> None:
        for _, options in VhostTempestPlugin().get_opt_lists():
            for option in options:
                for word in ("Effect:", "Unit:", "Source:"):
                    with self.subTest(option=option.name, word=word):
                        self.assertIn(word, option.help)

    def test_service_clients(self) -> None:
        (registered,) = VhostTempestPlugin().get_service_clients()
        module = importlib.import_module(registered["module_path"])
        for name in registered["client_names"]:
            self.assertTrue(hasattr(module, name), name)
        self.assertEqual("compute", registered["service"])


class TempestConfTest(unittest.TestCase):
    """What is read of it without tempest."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = Path(directory.name) / "tempest.conf"

    def environment(self, more: str = "") -> TestEnvironment:
        self.file.write_text(HOSTS + more)
        return environment.read(self.file)

    def test_what_tests_run_on(self) -> None:
        found = self.environment("driver=lab\ndeployment_name=x\n")
        self.assertEqual(["small", "single"], [layout.host.name for layout in found.layouts])
        self.assertEqual(frozenset(DriverCapability), found.capabilities)
        self.assertEqual(frozenset(), self.environment().capabilities)

    def test_features_have_tempests_defaults(self) -> None:
        moves = {TempestFeature.COLD_MIGRATION, TempestFeature.LIVE_MIGRATION}
        self.assertEqual(moves, self.environment().features)
        off = "neutron_ports=true\n[compute-feature-enabled]\nlive_migration=false\n"
        self.assertEqual(
            {*TempestFeature} - {TempestFeature.LIVE_MIGRATION}, self.environment(off).features
        )
        for feature in moves:
            name = feature.partition(".")[2]
            self.assertTrue(getattr(tempest_config.CONF.compute_feature_enabled, name))

    def test_what_is_wrong_is_reported(self) -> None:
        for text, words in (
            (HOSTS + "neutron_ports=maybe\n", "neutron_ports"),
            ("no section\n", "no section"),
            ("[vhost]\nhosts=a\n", r"\[vhost\]topology, \[vhost\]nova_cell_database"),
            (HOSTS.replace("small", "nowhere"), "nowhere"),
        ):
            self.file.write_text(text)
            with self.subTest(text=text), self.assertRaisesRegex(InputError, words):
                environment.read(self.file)
        self.file.unlink()
        with self.assertRaisesRegex(InputError, "give another file"):
            config.read(self.file)
