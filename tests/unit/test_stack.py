# SPDX-License-Identifier: Apache-2.0
"""devstack's hosts: their record, what of devstack they get, and when they are ready."""

import json
import os
import sys
import tempfile
import unittest
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, cast
from unittest import mock

from tests.unit.lab_settings import host
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.client.resources import ComputeService, Hypervisor
from vhost_tempest_plugin.cloud.configuration import override, stack
from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.configuration.networking import (
    NO_NETWORKING,
    Certificates,
    Networking,
    NeutronAgent,
)
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.devstack import files, lifecycle, sources, staging
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.devstack.readiness import Readiness
from vhost_tempest_plugin.devstack.record import StackRecord
from vhost_tempest_plugin.devstack.sources import Source
from vhost_tempest_plugin.devstack.spec import DevstackSpec
from vhost_tempest_plugin.devstack.stack import Stack
from vhost_tempest_plugin.errors import HostError, InputError
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.nova import compute_options, pci_devices
from vhost_tempest_plugin.nova.compute_options import ComputeOptions
from vhost_tempest_plugin.nova.readers import NovaDatabase, Placement
from vhost_tempest_plugin.nova.views.nova import NovaView, TrackedDevice
from vhost_tempest_plugin.util.progress import silent

RECORD = StackRecord(
    DevstackSpec(
        name="vhost",
        topology="small",
        count=2,
        nova_conf=Path("/etc/nova/nova.conf"),
        configuration=Path("/etc/nova/nova-cpu.conf"),
        environment=Path("/opt/stack/data/venv"),
        accelerator=None,
        database=Path("/etc/nova/nova_cell1.conf"),
        files=(Path("/etc/ssl/certs/ca-certificates.crt"),),
        assignments=("libvirt.virt_type=kvm",),
        pci_in_placement=True,
        disk_limit_mib=4096,
        log_directory=Path("/opt/stack/logs"),
        network="vhost",
        networking=Networking(
            "ssl:192.0.2.2:6642",
            Certificates(Path("/ca/key"), Path("/ca/certificate"), Path("/ca/authority")),
            (NeutronAgent("neutron-ovn-metadata-agent", (Path("/etc/neutron/metadata.ini"),)),),
        ),
    ),
    accelerator=Accelerator.TCG,
    created="2026-11-24T12:00:00+00:00",
)


def changed(**fields: Any) -> StackRecord:
    """The record of hosts that differ in this."""
    return replace(RECORD, spec=replace(RECORD.spec, **fields))


class RecordTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        self.assertEqual(RECORD, StackRecord.load(RECORD.dump()))

    def test_round_trip_of_one_without_networking(self) -> None:
        plain = changed(networking=NO_NETWORKING, accelerator=Accelerator.KVM)
        self.assertEqual(plain, StackRecord.load(plain.dump()))

    def test_guests_move_between_hosts_that_reach_each_other(self) -> None:
        alone = replace(RECORD.spec, count=1, networking=NO_NETWORKING, network="lan")
        self.assertEqual(frozenset(), alone.features)
        two = replace(alone, count=2)
        self.assertEqual(("vhost-0", "vhost-1"), two.hosts)
        moves = {TempestFeature.COLD_MIGRATION, TempestFeature.LIVE_MIGRATION}
        self.assertEqual(moves, two.features)
        self.assertEqual(frozenset(), replace(two, network=None).features)

    def test_what_is_no_record(self) -> None:
        fields = json.loads(RECORD.dump())
        for text in (
            "[]",
            json.dumps({**fields, "format": 0}),
            json.dumps({"format": fields["format"]}),
            json.dumps({**fields, "more": 1}),
            json.dumps({**fields, "accelerator": "steam"}),
            json.dumps({**fields, "spec": {**fields["spec"], "count": "2"}}),
            json.dumps({**fields, "spec": {**fields["spec"], "files": "/etc"}}),
            json.dumps({**fields, "spec": {**fields["spec"], "environment": None}}),
        ):
            with self.subTest(text), self.assertRaises(ValueError):
                StackRecord.load(text)


class SourcesTest(unittest.TestCase):
    """A virtual environment with projects that are installed in place, and others."""

    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.environment = self.top / "venv"
        self.packages = self.environment / "lib/python3.13/site-packages"
        self.packages.mkdir(parents=True)
        self.install("nova", "os-vif>=4", "oslo.utils; extra == 'test'", "lxml", path="nova")
        self.install("os-vif", "oslo.utils", path="os vif")
        self.install("oslo.utils", path="utils", editable=False)
        self.install("lxml")
        self.install("neutron", path="neutron")

    def install(
        self, name: str, *requires: str, path: str | None = None, editable: bool = True
    ) -> None:
        info = self.packages / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {r}" for r in requires)]
        (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
        if path is not None:
            url = (self.top / path).as_uri()
            said = {"dir_info": {"editable": True} if editable else {}, "url": url}
            (info / "direct_url.json").write_text(json.dumps(said))

    def test_what_nova_requires_and_is_installed_in_place(self) -> None:
        self.assertEqual(
            (Source("nova", self.top / "nova"), Source("os-vif", self.top / "os vif")),
            sources.needed(self.environment, ["nova"]),
        )

    def test_what_the_machines_own_packages_fill_up(self) -> None:
        self.assertEqual((), sources.missing_packages(self.environment, ["nova", "neutron"]))
        self.install("oslo.config", "netaddr>=0.7", "PyYAML", "backport; python_version < '3'")
        self.install("keystone", "oslo.config", path="keystone")
        self.assertEqual(
            ("netaddr", "pyyaml"), sources.missing_packages(self.environment, ["keystone"])
        )

    def test_a_root_must_be_installed(self) -> None:
        with self.assertRaisesRegex(InputError, "has no 'cinder'"):
            sources.needed(self.environment, ["cinder"])
        with self.assertRaisesRegex(InputError, "is no virtual environment"):
            sources.needed(self.top, ["nova"])

    def test_files_are_those_that_are_imported(self) -> None:
        tree = self.top / "nova"
        for name in (
            *(
                "nova/__init__.py",
                "nova/pci/__init__.py",
                "nova/pci/stats.py",
                "nova/db/alembic.ini",
            ),
            *("nova/tests/__init__.py", "nova/pci/__pycache__/stats.pyc", "nova/.hidden"),
            *("doc/source/conf.py", "setup.py", ".git/config", "tests/__init__.py"),
        ):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).touch()
        self.assertEqual(
            [
                "nova/__init__.py",
                "nova/db/alembic.ini",
                "nova/pci/__init__.py",
                "nova/pci/stats.py",
            ],
            sorted(Source("nova", tree).files()),
        )


class StagingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.environment = self.top / "venv"
        (self.environment / "bin").mkdir(parents=True)
        (self.environment / "bin/python").symlink_to(sys.executable)
        self.tree = self.top / "source"
        (self.tree / "package").mkdir(parents=True)
        (self.tree / "package/__init__.py").write_text("one = 1\n")
        (self.tree / "package/stats.py").write_text("two = 2\n")

    def take(self) -> staging.Copy:
        source = Source("thing", self.tree)
        (copy,) = staging.take([source], self.environment, self.top / "taken", silent)
        return copy

    def test_a_copy_at_the_same_path_with_compiled_files(self) -> None:
        copy = self.take()
        self.assertEqual(PurePosixPath(self.tree), copy.path)
        names = set(copy.tree.manifest)
        self.assertLessEqual({"package/__init__.py", "package/stats.py"}, names)
        self.assertEqual(2, sum(name.endswith(".pyc") for name in names))
        self.assertEqual(2, len(list(self.tree.rglob("*.py"))))
        self.assertEqual([], list(self.tree.rglob("*.pyc")))

    def test_only_what_has_changed_is_taken(self) -> None:
        before = self.take().tree.manifest
        self.assertEqual(before, self.take().tree.manifest)
        (self.tree / "package/stats.py").write_text("two = 3\n")
        os.utime(self.tree / "package/stats.py", ns=(0, 0))
        (self.tree / "package/new.py").write_text("")
        after = self.take().tree.manifest
        changed = {name for name in after if after[name] != before.get(name)}
        self.assertEqual({"stats", "new"}, {Path(name).name.split(".")[0] for name in changed})

    def test_what_is_gone_goes(self) -> None:
        self.take()
        (self.tree / "package/stats.py").unlink()
        self.assertFalse([name for name in self.take().tree.manifest if "stats" in name])

    def test_what_does_not_compile_is_refused_until_it_does(self) -> None:
        good = self.take()
        (self.tree / "package/stats.py").write_text("two = \n")
        for _ in range(2):
            with self.assertRaisesRegex(InputError, "does not compile.*SyntaxError"):
                self.take()
        (self.tree / "package/stats.py").write_text("two = 2\n")
        self.assertEqual(good.tree.digest, self.take().tree.digest)

    def test_a_nova_that_does_not_import_is_refused_until_it_does(self) -> None:
        sources = [Source("nova", self.tree), Source("os-vif", self.tree)]
        refused = InputError("the Nova does not import")
        with mock.patch.object(staging.importing, "import_nova", side_effect=refused) as imported:
            for _ in range(2):
                with self.assertRaisesRegex(InputError, "does not import"):
                    staging.take(sources, self.environment, self.top / "taken", silent)
            imported.side_effect = None
            staging.take(sources, self.environment, self.top / "taken", silent)
            self.assertEqual(3, imported.call_count)
            staging.take(sources, self.environment, self.top / "taken", silent)
            self.assertEqual(3, imported.call_count)

    def test_nova_is_imported_with_what_has_changed_of_another_tree(self) -> None:
        other = self.top / "other"
        (other / "os_vif").mkdir(parents=True)
        (other / "os_vif/__init__.py").touch()
        sources = [Source("nova", self.tree), Source("os-vif", other)]
        with mock.patch.object(staging.importing, "import_nova") as imported:
            staging.take(sources, self.environment, self.top / "taken", silent)
            (other / "os_vif/new.py").touch()
            staging.take(sources, self.environment, self.top / "taken", silent)
        self.assertEqual(2, imported.call_count)

    def test_what_a_killed_command_has_copied_is_compiled_by_the_next(self) -> None:
        with (
            mock.patch.object(staging.importing, "compile_files", side_effect=KeyboardInterrupt),
            self.assertRaises(KeyboardInterrupt),
        ):
            self.take()
        self.assertEqual(2, sum(name.endswith(".pyc") for name in self.take().tree.manifest))


class FakeCloud:
    """What a cloud answers."""

    def __init__(self) -> None:
        self.updated: str | None = "12:00"
        self.mapped = True
        self.inventories = {"VCPU": 4, "PCPU": 4}
        self.devices: list[str] = []
        self.agents: dict[str, bool] = {}

        self.placement = Placement(self.get)

    def services(self, binary: str, host: str) -> list[ComputeService]:
        assert (binary, host) == ("nova-compute", "vhost-0")
        found = ComputeService(binary, host, True, True, "service", self.updated)
        return [found] if self.updated else []

    def hypervisors(self) -> list[Hypervisor]:
        return [Hypervisor("vhost-0", "vhost-0", True, "node")] if self.mapped else []

    def living_agents(self, host: str) -> set[str]:
        return {binary for binary, alive in self.agents.items() if alive}

    def get(self, path: str) -> Mapping[str, Any]:
        if path == "/resource_providers?in_tree=node":
            names = ["vhost-0", *self.devices]
            return {
                "resource_providers": [
                    {"uuid": name, "name": name, "parent_provider_uuid": None} for name in names
                ]
            }
        if path.endswith("/inventories"):
            found = self.inventories if "vhost-0/" in path else {}
            return {"inventories": {k: {"total": n, "reserved": 0} for k, n in found.items()}}
        return {"usages": {}, "traits": []}


class ReadinessTest(unittest.TestCase):
    def setUp(self) -> None:
        self.cloud = FakeCloud()
        self.emulate("small")

    def emulate(self, topology: str, *assignments: str, pci_in_placement: bool = False) -> None:
        """A host with this hardware; Nova's database has what its options lead to.

        :param assignments: options of nova-compute that were set by hand
        """
        self.host = host(topology, "vhost-0")
        configuration = stack.compute(
            {},
            self.host,
            Path("/opt/stack/data/venv/bin"),
            override.parse(Service.NOVA_COMPUTE, assignments),
            pci_in_placement=pci_in_placement,
        )
        self.options = compute_options.read(configuration, self.host.layout)
        self.rows = self.options.devices
        self.tracked = [TrackedDevice(row, "available") for row in self.rows]
        cpus = self.options.cpus
        self.cloud.inventories = {"VCPU": len(cpus.shared), "PCPU": len(cpus.dedicated)}

    def in_force(self) -> ComputeOptions | None:
        return self.options

    def lacking(
        self,
        *,
        before: str | None = None,
        agents: tuple[str, ...] = (),
        database: bool = True,
    ) -> str | None:
        view = NovaView("node", tuple(self.tracked), {})
        known = mock.create_autospec(NovaDatabase, instance=True)
        known.view.return_value = view
        return Readiness(
            self.host,
            self.in_force,
            cast(Cloud, self.cloud),
            known if database else None,
            agents=agents,
            before=before,
        ).lacking()

    def test_nothing_is_lacking(self) -> None:
        self.assertIsNone(self.lacking())
        self.assertIsNone(self.lacking(before="11:59"))

    def test_an_old_report_does_not_count(self) -> None:
        self.assertEqual(
            "nova-compute has not reported itself to Nova", self.lacking(before="12:00")
        )
        self.cloud.updated = None
        self.assertEqual("nova-compute has not reported itself to Nova", self.lacking())

    def test_no_cell(self) -> None:
        self.cloud.mapped = False
        self.assertEqual("the host is mapped to no cell", self.lacking())

    def test_devices_of_the_database(self) -> None:
        self.tracked.pop()
        self.assertEqual("Nova's database has 8 of its 9 devices", self.lacking())
        self.assertIsNone(self.lacking(database=False))

    def test_devices_of_the_database_that_no_option_names(self) -> None:
        first, second, *others = self.rows
        self.emulate("small", f'pci.device_spec={{"address": "{first.address}"}}')
        self.assertEqual((first,), self.rows)
        self.assertIsNone(self.lacking())
        self.tracked.append(TrackedDevice(second, "allocated", "5a2f9a3e"))
        self.assertIsNone(self.lacking())
        self.tracked += [TrackedDevice(row, "available") for row in others]
        self.assertEqual(
            f"Nova's database has {len(others)} devices that no option names", self.lacking()
        )

    def test_options_whose_outcome_is_not_known(self) -> None:
        self.tracked.clear()
        self.cloud.inventories.clear()
        with mock.patch.object(self, "in_force", return_value=None):
            self.assertIsNone(self.lacking())

    def test_agents_of_neutron(self) -> None:
        wanted = ("ovn-controller", "neutron-ovn-metadata-agent")
        self.cloud.agents = {"neutron-ovn-metadata-agent": True, "ovn-controller": False}
        lacking = "Neutron knows of no living ovn-controller there"
        self.assertEqual(lacking, self.lacking(agents=wanted))
        self.cloud.agents = {"ovn-controller": True}
        lacking = "Neutron knows of no living neutron-ovn-metadata-agent there"
        self.assertEqual(lacking, self.lacking(agents=wanted))
        self.cloud.agents = dict.fromkeys(wanted, True)
        self.assertIsNone(self.lacking(agents=wanted))

    def test_cpus_in_placement(self) -> None:
        del self.cloud.inventories["PCPU"]
        self.assertEqual("Placement has 0 PCPU of it and not 4", self.lacking())

    def test_cpus_in_placement_by_the_options_in_force(self) -> None:
        self.emulate("small", "compute.cpu_shared_set=0-1", "compute.cpu_dedicated_set=2")
        self.assertEqual({"VCPU": 2, "PCPU": 1}, self.cloud.inventories)
        self.assertIsNone(self.lacking())
        self.cloud.inventories["VCPU"] = 4
        self.assertEqual("Placement has 4 VCPU of it and not 2", self.lacking())

    def test_devices_in_placement(self) -> None:
        self.emulate("small", pci_in_placement=True)
        self.assertEqual("Placement lacks 9 of its 9 devices", self.lacking())
        self.cloud.devices = [f"vhost-0_{str(row.address).upper()}" for row in self.rows]
        self.assertIsNone(self.lacking())

    def test_virtual_functions_in_placement_have_the_provider_of_their_physical_one(self) -> None:
        self.emulate("sriov", pci_in_placement=True)
        physical = pci_devices.physical_functions(self.host.layout)
        devices = {physical.get(row.address, row.address) for row in self.rows}
        self.assertLess(len(devices), len(self.rows))
        self.cloud.devices = [f"vhost-0_{str(address).upper()}" for address in devices]
        self.assertIsNone(self.lacking())
        self.cloud.devices.pop()
        self.assertEqual(f"Placement lacks 1 of its {len(devices)} devices", self.lacking())


class LifecycleTest(unittest.TestCase):
    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(
            mock.patch.dict(os.environ, {"XDG_STATE_HOME": state, "VHOST_RUN_DIR": state})
        )
        self.top = Path(state)
        self.configuration = self.top / "nova-cpu.conf"
        self.configuration.write_text("[DEFAULT]\ntransport_url = rabbit://a:b@127.0.0.1/\n")

    def spec(self, topology: str = "small", count: int = 1, **fields: Any) -> DevstackSpec:
        return DevstackSpec(
            name="vhost",
            topology=topology,
            count=count,
            nova_conf=self.top / "nova.conf",
            configuration=self.configuration,
            environment=self.top / "venv",
            accelerator=Accelerator.TCG,
            **fields,
        )

    def test_what_cannot_be_is_refused_before_anything_is_made(self) -> None:
        for words, said in (
            ({"memory_limit_mib": 4000}, "take 4096 MiB of memory, and the limit is 4000 MiB"),
            ({"disk_limit_mib": 1 << 20}, "a host's disk has 16384 MiB"),
            ({"assignments": ("nonsense",)}, "is no assignment"),
            ({"network": "lan"}, "there is no network 'lan'"),
        ):
            with self.subTest(said), self.assertRaisesRegex(InputError, said):
                lifecycle.up(self.spec(**words), silent)
            self.assertFalse(StackDirectory.of("vhost").exists)

    def test_a_configuration_that_hosts_cannot_use_is_refused_before_they_boot(self) -> None:
        with self.assertRaisesRegex(InputError, "set HOST_IP in local.conf"):
            lifecycle.up(self.spec(), silent)
        self.assertFalse((self.top / "vhost/hosts").exists())

    def test_other_hosts_under_the_name_are_refused(self) -> None:
        with self.assertRaises(InputError):
            lifecycle.up(self.spec(), silent)
        for other in (self.spec("article"), self.spec(count=2)):
            with self.assertRaisesRegex(
                InputError, "1 hosts of topology small here; 'vhost stack d"
            ):
                lifecycle.up(other, silent)

    def test_destroyed_nothing_is_left(self) -> None:
        with self.assertRaises(InputError):
            lifecycle.up(self.spec(), silent)
        lifecycle.destroy("vhost", silent)
        self.assertEqual([], StackDirectory.all())
        lifecycle.destroy("vhost", silent, missing_ok=True)
        with self.assertRaisesRegex(InputError, "there is no stack 'vhost'"):
            lifecycle.destroy("vhost", silent)

    def test_the_database_of_the_cell(self) -> None:
        file = self.top / "nova_cell1.conf"
        file.write_text("[database]\nconnection = mysql+pymysql://root:a$$b@192.0.2.2/nova\n")
        self.assertEqual("mysql+pymysql://root:a$b@192.0.2.2/nova", files.database_url(file))
        with self.assertRaisesRegex(InputError, "stack.sh writes it"):
            files.database_url(self.top / "gone.conf")


class RunTest(unittest.TestCase):
    """What devstack's unit of a host does; the host itself is not there."""

    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))
        directory = StackDirectory.of("vhost")
        with directory.locked(create=True):
            logs = Path(state) / "logs"
            logs.mkdir()
            directory.write(RECORD)
        self.log = logs / "n-cpu-vhost-0.log"
        self.host_directory = HostDirectory.of("vhost-0").path
        self.host_directory.mkdir(parents=True)
        found = self.enterContext(mock.patch.object(Stack, "of")).return_value
        found.record.spec.log_directory = logs
        self.nodes = found.hosts
        self.follow = self.enterContext(mock.patch.object(lifecycle.status, "follow"))
        self.enterContext(mock.patch("time.sleep"))

    def test_ended_it_ends_nova_compute(self) -> None:
        self.follow.side_effect = [iter(["one", "two"])]
        lines = lifecycle.run("vhost", "vhost-0", silent)
        self.assertEqual("one", next(lines))
        self.nodes.launch.assert_called_once()
        lines.close()
        self.nodes.stop.assert_called_once()
        self.assertEqual("one\n", self.log.read_text())

    def test_a_host_that_boots_again_is_watched_on_and_left_alone(self) -> None:
        self.follow.side_effect = [iter(["one"]), HostError("it is off"), iter(["two"])]
        lines = lifecycle.run("vhost", "vhost-0", silent)
        self.assertEqual(["one", "two"], [next(lines), next(lines)])
        self.nodes.stop.assert_not_called()
        lines.close()

    def test_a_host_that_was_removed_is_an_error(self) -> None:
        def gone(host: str, count: int) -> Iterator[str]:
            self.host_directory.rmdir()
            yield from ()

        self.follow.side_effect = gone
        with self.assertRaisesRegex(HostError, "'vhost-0' was removed"):
            list(lifecycle.run("vhost", "vhost-0", silent))
        self.nodes.stop.assert_not_called()
