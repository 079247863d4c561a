# SPDX-License-Identifier: Apache-2.0
import unittest

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
        package = "vhost_tempest_plugin.scenario"
        modules = {name.rpartition(".")[0].rpartition(".")[0] for name in names}
        self.assertEqual({f"{package}.test_host", f"{package}.test_pci_affinity"}, modules)
        self.assertEqual(3, len(names))

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
        self.assertIsNone(self.conf.vhost.host)
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

    def test_no_service_clients(self) -> None:
        self.assertEqual([], VhostTempestPlugin().get_service_clients())
