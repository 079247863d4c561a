# SPDX-License-Identifier: Apache-2.0
import importlib
import re
import unittest
from pathlib import Path

from oslo_config import cfg
from tempest.test_discover.plugins import TempestTestPluginManager

from vhost_tempest_plugin.plugin import VhostTempestPlugin


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
