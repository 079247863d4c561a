# SPDX-License-Identifier: Apache-2.0
import base64
import dataclasses
import socket
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from tests.unit.lab_settings import SECRETS, host, settings
from vhost_tempest_plugin.cloud.client import contents
from vhost_tempest_plugin.cloud.configuration import common, keystone, server
from vhost_tempest_plugin.cloud.configuration.override import CONFIGURABLE
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override, Ports
from vhost_tempest_plugin.lab.services import services
from vhost_tempest_plugin.util import tcp_ports


class FilesTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.lab = settings(directory=Path(scratch.name))

    def test_every_service_of_the_machine_is_written_once(self) -> None:
        here = {service for service in CONFIGURABLE if not service.in_host}
        self.assertEqual(here, services.write(self.lab))
        self.assertEqual(frozenset(), services.write(self.lab))

    def test_they_are_the_users_alone(self) -> None:
        services.write(self.lab)
        files = [path for path in self.lab.directory.rglob("*") if path.is_file()]
        self.assertGreater(len(files), len(services.programs(self.lab)))
        self.assertEqual({0o600}, {path.stat().st_mode & 0o777 for path in files})

    def test_what_was_set_by_hand_changes_its_service_only(self) -> None:
        services.write(self.lab)
        entry = Override(Service.NOVA_SCHEDULER, "DEFAULT", "debug", "true")
        changed = replace(self.lab, overrides=(entry,))
        self.assertEqual({Service.NOVA_SCHEDULER}, services.write(changed))
        self.assertEqual({Service.NOVA_SCHEDULER}, services.write(self.lab))

    def test_novas_applications_have_its_own_paste_file(self) -> None:
        link = self.lab.etc(Service.NOVA_API) / "api-paste.ini"
        for nova in (None, Path("/trees/nova")):
            services.write(replace(self.lab, nova_path=nova))
            owner = nova or self.lab.environment
            self.assertEqual(owner / "etc/nova/api-paste.ini", link.readlink())

    def test_keys_are_made_once(self) -> None:
        services.write(self.lab)
        keys = keystone.fernet_keys(self.lab)
        made = {path.name: path.read_text() for path in keys.iterdir()}
        self.assertEqual({"0", "1"}, set(made))
        self.assertEqual({32}, {len(base64.urlsafe_b64decode(key)) for key in made.values()})
        (keys / "0").unlink()
        self.assertEqual({Service.KEYSTONE}, services.write(self.lab))
        self.assertEqual(made["1"], (keys / "1").read_text())


class ProgramsTest(unittest.TestCase):
    def test_each_service_of_the_machine_is_in_one_stage(self) -> None:
        staged = [service for stage in services.STAGES for service in stage]
        self.assertEqual(sorted(s for s in CONFIGURABLE if not s.in_host), sorted(staged))
        self.assertEqual(staged, [program.name for program in services.programs(settings())])

    def test_no_secret_is_where_others_can_see_it(self) -> None:
        for program in services.programs(settings()):
            seen = " ".join((*program.argv, *program.environment.values()))
            for secret in dataclasses.astuple(SECRETS):
                self.assertNotIn(secret, seen)

    def test_the_nova_under_test_is_for_novas_services(self) -> None:
        lab = replace(settings(), nova_path=Path("/labs/lab/nova"))
        for program in services.programs(lab):
            with self.subTest(program.name):
                path = program.environment.get("PYTHONPATH")
                is_nova = Service(program.name).is_nova
                self.assertEqual("/labs/lab/nova" if is_nova else None, path)

    def test_servers_listen_on_the_loopback_address_only(self) -> None:
        chosen = tcp_ports.choose(len(Ports.__dataclass_fields__))
        lab = replace(settings(), ports=Ports(*chosen))
        seen = set()
        for service in server.APPLICATIONS:
            file: dict[str, object] = {}
            with tcp_ports.hold(common.port(lab.ports, service)):
                exec(server.text(lab, service), file)
                with socket.socket(fileno=int(str(file["bind"]).removeprefix("fd://"))) as listener:
                    seen.add(listener.getsockname())
        expected = {("127.0.0.1", common.port(lab.ports, each)) for each in server.APPLICATIONS}
        self.assertEqual(expected, seen)


class FlavorsTest(unittest.TestCase):
    def test_a_device_of_the_hosts_is_asked_for(self) -> None:
        by_name = {flavor.name: flavor for flavor in contents.flavors([host("sriov").layout])}
        self.assertEqual("e1000e:1", by_name["vhost.pci"].extra_specs["pci_passthrough:alias"])

    def test_none_is_where_there_is_none(self) -> None:
        self.assertNotIn("vhost.pci", {flavor.name for flavor in contents.flavors([])})
