# SPDX-License-Identifier: Apache-2.0
"""Hosts of a devstack on a network: their ports and addresses, and their way to one another."""

import dataclasses
import os
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from unittest import mock

from tests.unit.lab_settings import host
from tests.unit.test_network import LAN
from tests.unit.test_stack import changed
from tests.unit.test_stack_configuration import BASE
from vhost_tempest_plugin.cloud.configuration import ini
from vhost_tempest_plugin.devstack import ssh_mesh
from vhost_tempest_plugin.devstack.compute_hosts import ComputeHosts
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.host import jobs, ssh_keys
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.network import registry
from vhost_tempest_plugin.host.network.uplink import UplinkSpec
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.topology import catalog, yaml_file
from vhost_tempest_plugin.util.progress import silent


class FakeConnection:
    """Keeps what is written to it, and what its commands read."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, int]] = {}
        self.read: list[str] = []

    def put(self, text: str, path: str, mode: int = 0o644) -> None:
        self.files[path] = (text, mode)

    def run(self, argv: Sequence[str], *, input_text: str) -> None:
        self.read.append(input_text)


class NetworkOfStackTest(unittest.TestCase):
    def setUp(self) -> None:
        home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        places = {"VHOST_RUN_DIR": str(home / "run"), "XDG_STATE_HOME": str(home)}
        self.enterContext(mock.patch.dict(os.environ, places))
        self.directory = StackDirectory.of("vhost")
        self.directory.path.mkdir(parents=True)
        self.directory.topology.write_text(yaml_file.dump(catalog.find("small").host))
        self.configuration = home / "nova-cpu.conf"
        self.configuration.write_text(BASE)
        with registry.changing():
            registry.write(LAN)

    def nodes(self, network: str | None) -> ComputeHosts:
        record = changed(network=network, configuration=self.configuration)
        base = ini.parse(BASE, "nova-cpu.conf")
        return ComputeHosts(self.directory, record, base, silent)

    def test_each_host_has_the_port_of_its_number(self) -> None:
        nodes = self.nodes("lan")
        addresses = [each.address for each in nodes.hosts]
        self.assertEqual(["192.168.128.2", "192.168.128.3"], addresses)
        text = nodes.configuration(nodes.hosts[1])
        self.assertEqual("192.168.128.3", ini.last(ini.parse(text, ""), "my_ip", "DEFAULT"))
        made = self.enterContext(mock.patch.object(jobs, "Jobs")).return_value.__enter__
        nodes.boot(nodes.hosts)
        started = [call.args[0] for call in made.return_value.start.call_args_list]
        self.assertEqual(
            [UplinkSpec("lan", 0), UplinkSpec("lan", 1)], [up.uplink for up in started]
        )
        self.assertEqual([False, False], [up.internet for up in started])

    def test_without_a_network_they_have_what_all_have(self) -> None:
        nodes = self.nodes(None)
        self.assertEqual({"10.0.2.15"}, {each.address for each in nodes.hosts})
        self.assertFalse(any(each.is_reachable for each in nodes.hosts))
        made = self.enterContext(mock.patch.object(jobs, "Jobs")).return_value.__enter__
        nodes.boot(nodes.hosts)
        started = [call.args[0] for call in made.return_value.start.call_args_list]
        self.assertEqual([None, None], [up.uplink for up in started])
        self.assertEqual([True, True], [up.internet for up in started])

    def test_a_network_that_is_gone_is_reported(self) -> None:
        registry.forget("lan")
        with self.assertRaisesRegex(InputError, "there is no network 'lan'"):
            self.nodes("lan")

    def test_hosts_get_into_one_another(self) -> None:
        found = [
            dataclasses.replace(host("small", name), address=f"192.168.128.{number}")
            for number, name in enumerate(("vhost-0", "vhost-1", "not-yet"), 2)
        ]
        for each in found[:2]:
            own = HostDirectory.of(each.name)
            own.path.mkdir(parents=True)
            ssh_keys.make(own.host_key, each.name)
        connections = FakeConnection(), FakeConnection()
        for connection in connections:
            ssh_mesh.grant(cast(HostConnection, connection), self.directory, found)
        one, other = connections
        self.assertEqual(one.files, other.files)
        private, mode = one.files["/root/.ssh/id_ed25519"]
        self.assertEqual((self.directory.mesh_key.read_text(), 0o600), (private, mode))
        self.assertEqual([f"{ssh_keys.public(self.directory.mesh_key)}\n"], one.read)
        known = one.files["/root/.ssh/known_hosts"][0].splitlines()
        self.assertEqual(
            [
                f"{each.address} {ssh_keys.public(HostDirectory.of(each.name).host_key)}"
                for each in found[:2]
            ],
            known,
        )
