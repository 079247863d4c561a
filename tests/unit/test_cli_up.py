# SPDX-License-Identifier: Apache-2.0
"""What vhost up brings up where no topology is named."""

import argparse
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.cli.up import Up
from vhost_tempest_plugin.host import lifecycle
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.spec import HostSpec
from vhost_tempest_plugin.topology import catalog, yaml_file


class UpTest(unittest.TestCase):
    def setUp(self) -> None:
        state = tempfile.TemporaryDirectory()
        self.addCleanup(state.cleanup)
        patcher = mock.patch.dict("os.environ", XDG_STATE_HOME=state.name)
        patcher.start()
        self.addCleanup(patcher.stop)

    def asked(self, *argv: str) -> HostSpec:
        """What the command line asks for."""
        command = Up(mock.Mock(), argparse.Namespace())
        arguments = command.get_parser("up").parse_args(list(argv))
        with (
            mock.patch.object(lifecycle, "up") as up,
            mock.patch("vhost_tempest_plugin.cli.up.host_row"),
        ):
            command.take_action(arguments)
        wanted: HostSpec = up.call_args.args[0]
        return wanted

    def test_a_host_that_exists_keeps_its_topology(self) -> None:
        directory = HostDirectory.of("one")
        directory.path.mkdir(parents=True)
        (directory.path / "record.json").write_text("{}")
        directory.topology.write_text(yaml_file.dump(catalog.find("small").host))
        self.assertTrue(directory.is_recorded)
        self.assertEqual(catalog.find("small"), self.asked("--name", "one").layout)
        self.assertEqual("one", self.asked("--name", "one").name)
        self.assertEqual(catalog.find("article"), self.asked("article", "--name", "one").layout)

    def test_a_new_one_is_the_article_s(self) -> None:
        self.assertEqual(catalog.find("article"), self.asked("--name", "two").layout)
        self.assertEqual("article", self.asked().name)
        self.assertFalse(Path(HostDirectory.of("two").path).exists())
