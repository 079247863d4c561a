# SPDX-License-Identifier: Apache-2.0
"""OpenStack on the machine, for real, with no host; it takes the environment from the cache."""

import json
import os
import signal
import unittest
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from tests.functional.lab import LabCase, new_settings
from vhost_tempest_plugin.cloud.client import accounts, contents
from vhost_tempest_plugin.cloud.client.accounts import INTERFACES
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.client.resources import CloudError
from vhost_tempest_plugin.cloud.configuration import client, override, render
from vhost_tempest_plugin.cloud.configuration.service import CATALOGUE, Service
from vhost_tempest_plugin.cloud.configuration.settings import Options, Override, Settings
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.host.nested_guest import GuestImage
from vhost_tempest_plugin.lab import overrides
from vhost_tempest_plugin.lab.environment import environment, release
from vhost_tempest_plugin.lab.environment.environment import Environment
from vhost_tempest_plugin.lab.services import (
    administrator,
    bootstrap,
    database,
    schema,
    services,
)
from vhost_tempest_plugin.lab.services.control_plane import ControlPlane
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.util import atomic_file, process
from vhost_tempest_plugin.util.progress import Lines

_GUEST_LIMIT_S = 60.0


def made() -> Environment:
    return environment.obtain(release.find(), Lines())


class ControlPlaneTest(LabCase):
    """One lab for all tests: it takes half a minute to come up."""

    lab: ClassVar[Settings]
    plane: ClassVar[ControlPlane]
    image: ClassVar[GuestImage]

    @classmethod
    def setUpClass(cls) -> None:
        found, keeper = made(), unittest.TestCase()
        cls.addClassCleanup(keeper.doCleanups)
        cls.lab = replace(new_settings(keeper), environment=found.path)
        database.clone(schema.obtain(found, Lines()), database.directory(cls.lab))
        files = [cls.lab.directory / name for name in ("kernel", "bzimage", "initrd")]
        for file in files:
            atomic_file.write(file, "not looked at\n" * 1000)
        cls.image = GuestImage(*files, digest="test")
        cls.plane = ControlPlane(cls.lab, Lines())
        cls.addClassCleanup(cls.plane.supervision.shutdown)
        cls.plane.launch()
        cls.plane.start_base()
        cls.plane.start_anew(cls.image)

    def setUp(self) -> None:
        self.settings = self.lab
        self.supervision = self.plane.supervision
        opened = Cloud.open(self.lab)
        self.cloud = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)

    def test_services_report_themselves(self) -> None:
        found = {service.binary: service for service in self.cloud.services()}
        self.assertEqual({Service.NOVA_CONDUCTOR, Service.NOVA_SCHEDULER}, set(found))
        for service in found.values():
            self.assertTrue(service.is_up and service.is_enabled, service)
            self.assertEqual(self.lab.name, service.host)

    def test_the_catalogue_tells_where_everything_is(self) -> None:
        catalogue = self.cloud.get(Service.KEYSTONE, "/auth/catalog")["catalog"]
        said = {
            (entry["type"], endpoint["interface"]): endpoint["url"]
            for entry in catalogue
            for endpoint in entry["endpoints"]
        }
        expected = {
            (kind, interface): f"http://127.0.0.1:{getattr(self.lab.ports, name)}{path}"
            for service, kind in CATALOGUE.items()
            for interface in INTERFACES
            for name in [service.value.replace("-", "_")]
            for path in [{"identity": "/v3", "compute": "/v2.1"}.get(kind, "")]
        }
        self.assertEqual(expected, said)

    def test_accounts_are_made_once_and_follow_the_ports(self) -> None:
        before = self._accounts()
        bootstrap.identity(self.lab)
        self.assertEqual(before, self._accounts())
        moved = replace(self.lab, ports=replace(self.lab.ports, glance=9))
        self.addCleanup(accounts.ensure, self.lab, self.cloud)
        accounts.ensure(moved, self.cloud)
        changed = [new for old, new in zip(before, self._accounts(), strict=True) if old != new]
        self.assertEqual(len(INTERFACES), len(changed), changed)

    def _accounts(self) -> list[tuple[str, ...]]:
        kinds = {"users": "name", "services": "name", "endpoints": "url", "projects": "name"}
        return [
            (kind, entry["id"], entry[key])
            for kind, key in kinds.items()
            for entry in sorted(
                self.cloud.get(Service.KEYSTONE, f"/{kind}")[kind], key=lambda e: e["id"]
            )
        ]

    def test_a_kept_database_lets_nobody_in_and_a_lab_has_a_new_password(self) -> None:
        after = replace(self.lab, secrets=replace(self.lab.secrets, admin="new-secret"))
        self.addCleanup(administrator.let_in, self.lab)

        def is_let_in(lab: Settings) -> bool:
            try:
                with Cloud.open(lab) as cloud:
                    return bool(cloud.get(Service.KEYSTONE, "/users"))
            except CloudError as error:
                self.assertIn("HTTP 401", str(error))
                return False

        self.assertEqual([True, False], [is_let_in(lab) for lab in (self.lab, after)])
        administrator.lock_out(self.lab)
        self.assertEqual([False, False], [is_let_in(lab) for lab in (self.lab, after)])
        administrator.let_in(after)
        self.assertEqual([False, True], [is_let_in(lab) for lab in (self.lab, after)])

    def test_contents_are_made_once(self) -> None:
        before = self.cloud.flavors(), self.cloud.images()
        self.assertIn("vhost.pci", before[0])
        self.assertIn(contents.IMAGE, before[1])
        contents.ensure([host.layout for host in self.lab.hosts], self.cloud, self.image)
        self.assertEqual(before, (self.cloud.flavors(), self.cloud.images()))

    def test_a_server_is_refused_where_there_is_no_host(self) -> None:
        asked = {
            "flavor": self.cloud.flavors()["vhost.pci"],
            "image": self.cloud.images()[contents.IMAGE],
        }
        server = self.cloud.create_server("refused", **asked)
        self.addCleanup(self.cloud.delete_server, server.uuid, _GUEST_LIMIT_S)
        with self.assertRaises(CloudError) as caught:
            self.cloud.wait_for_server(server.uuid, _GUEST_LIMIT_S)
        self.assertIn("No valid host was found", str(caught.exception))
        self.assertEqual((), self.cloud.placement.of(server.uuid, {}))
        self.assertEqual([server.uuid], [found.uuid for found in self.cloud.servers()])

    def test_what_is_not_there_is_said_to_be_missing(self) -> None:
        with self.assertRaises(CloudError) as caught:
            self.cloud.server("11111111-1111-1111-1111-111111111111")
        self.assertTrue(caught.exception.is_missing)

    def test_ports_can_be_listed(self) -> None:
        self.assertEqual({"ports": []}, self.cloud.get(Service.NEUTRON, "/ports"))

    def test_the_users_own_client_works(self) -> None:
        clouds = self.lab.directory / "clouds.yaml"
        atomic_file.write(clouds, client.clouds(self.lab))
        python = self.lab.environment / "bin/python"
        words = ["compute", "service", "list", "-f", "json"]
        done = process.run(
            [python, self.lab.environment / "bin/openstack", "--os-cloud", self.lab.name, *words],
            environment={"OS_CLIENT_CONFIG_FILE": str(clouds)},
        )
        self.assertEqual({"up"}, {service["State"] for service in json.loads(done.stdout)})

    def test_secrets_are_kept(self) -> None:
        self.check_no_secret_is_shown()
        self.check_files_are_private()

    def test_a_dead_worker_is_seen_and_replaced(self) -> None:
        before = self._state(Service.PLACEMENT)
        (worker,) = _children(before.pid)
        os.kill(worker, signal.SIGKILL)
        self.eventually(lambda: self._state(Service.PLACEMENT).restarts > before.restarts)
        self.eventually(services.ready(self.lab, Service.PLACEMENT), 60.0)
        self.assertNotEqual(before.pid, self._state(Service.PLACEMENT).pid)

    def test_what_is_set_by_hand_arrives(self) -> None:
        entry = Override(Service.NOVA_SCHEDULER, "DEFAULT", "debug", "true")
        self.assertEqual(
            {Service.NOVA_SCHEDULER}, services.write(replace(self.lab, overrides=(entry,)))
        )
        self.addCleanup(self.plane.restart, [Service.NOVA_SCHEDULER])
        self.addCleanup(services.write, self.lab)
        self.plane.restart([Service.NOVA_SCHEDULER])
        log = self.lab.log(Service.NOVA_SCHEDULER)
        self.eventually(lambda: " DEBUG " in log.read_text())

    def test_one_that_does_not_come_up_is_named(self) -> None:
        wrong = Override(Service.GLANCE, "paste_deploy", "config_file", "/nowhere.ini")
        services.write(replace(self.lab, overrides=(wrong,)))
        self.addCleanup(self.plane.restart, [Service.GLANCE])
        self.addCleanup(services.write, self.lab)
        with self.assertRaises(StartError) as caught:
            self.plane.restart([Service.GLANCE])
        self.assertIn("glance ended", str(caught.exception))
        self.assertIn("Unable to locate paste config file", str(caught.exception))

    def _state(self, service: Service):
        return next(state for state in self.supervision.states() if state.name == service)


class OptionsTest(unittest.TestCase):
    """What is configured is what the installed services know."""

    @classmethod
    def setUpClass(cls) -> None:
        keeper = unittest.TestCase()
        cls.addClassCleanup(keeper.doCleanups)
        cls.lab = replace(new_settings(keeper), environment=made().path)

    def test_all_that_is_computed(self) -> None:
        for service, content in render.options(self.lab).items():
            if service.is_nova and service is not Service.NOVA_API:
                continue  # They have what that one has.
            with self.subTest(service):
                overrides.verify(self.lab, _overrides(service, content))
        (host,) = self.lab.hosts
        content = render.compute_options(self.lab, host)
        overrides.verify(self.lab, _overrides(Service.NOVA_COMPUTE, content))

    def test_what_is_wrong_is_refused(self) -> None:
        for service, assignment, said in (
            ("nova-compute", "pci.report_in_placment=true", "did you mean pci.report_in_placement"),
            ("nova-compute", "pci.report_in_placement=maybe", "does not take 'maybe'"),
            ("nova-api", "pc.alias={}", "did you mean pci"),
            ("keystone", "token.expiration=soon", "does not take 'soon'"),
        ):
            with self.subTest(assignment), self.assertRaises(InputError) as caught:
                overrides.verify(self.lab, override.parse(service, [assignment]))
            self.assertIn(said, str(caught.exception))

    def test_secrets_are_known(self) -> None:
        words = ("neutron.password=x", "vendordata_dynamic_auth.password=x", "debug=true")
        found = overrides.verify(self.lab, override.parse("nova-api", words))
        self.assertEqual([True, True, False], [each.secret for each in found])

    def test_one_value_only(self) -> None:
        twice = override.parse("nova-api", ["my_ip=127.0.0.1", "my_ip=127.0.0.2"])
        with self.assertRaises(InputError) as caught:
            overrides.verify(self.lab, twice)
        self.assertIn("takes one value", str(caught.exception))

    def test_novas_default_filters_are_among_ours(self) -> None:
        said = process.run(
            [
                self.lab.environment / "bin/python",
                "-c",
                "import json, nova.conf\n"
                "print(json.dumps(nova.conf.CONF.filter_scheduler.enabled_filters))",
            ]
        )
        defaults = json.loads(said.stdout)
        self.assertEqual(list(pci_devices.FILTERS[: len(defaults)]), defaults)


def _overrides(service: Service, content: Options) -> list[Override]:
    return [
        Override(service, section, option, value)
        for section, values in content.items()
        for option, value in values.items()
    ]


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
