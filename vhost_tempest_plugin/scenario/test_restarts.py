# SPDX-License-Identifier: Apache-2.0
"""What is restarted knows the same as before.

nova/compute/manager.py, ``init_host`` and ``_init_instance``; nova/compute/resource_tracker.py;
nova/pci/manager.py.
"""

from typing import Any, ClassVar

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.driver import LIBVIRT, NOVA_COMPUTE
from vhost_tempest_plugin.cloud.deployment.requirement import (
    dedicated_cpus,
    deployment,
    local_devices,
)
from vhost_tempest_plugin.nova.expect import Rejection
from vhost_tempest_plugin.nova.request import CpuPolicy
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.inspection import accounting
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.server import Server

CONDUCTOR, SCHEDULER, API = "nova-conductor", "nova-scheduler", "nova-api"


class RestartCase(ScenarioTest):
    """Servers are there before, the same afterwards, and another one has what is left."""

    services: ClassVar[Any]

    @classmethod
    def setup_clients(cls) -> None:
        super().setup_clients()
        cls.services = cls.os_admin.services_client

    def some_guests(self) -> tuple[Server, ...]:
        """A pinned server with a device, and one that floats without any."""
        pinned = request(cpu_policy=CpuPolicy.DEDICATED, devices=self.nics())
        return self.place_all(pinned, request())

    def assert_unchanged(self, before: accounting.Accounting, after: accounting.Accounting) -> None:
        """Fail where anybody's account of the hosts is another one."""
        self.assertEqual((), accounting.changes(before, after))

    def assert_goes_on(self, *servers: Server) -> None:
        """The servers are what they were; one more is placed beside them, and all can go."""
        for server in servers:
            server.check("restart")
        another = self.place(request(cpu_policy=CpuPolicy.SHARED, devices=self.nics()))
        self.delete(*servers, another)

    def await_enabled(self) -> None:
        """Wait until Nova places servers on all hosts again.

        nova/virt/libvirt/driver.py, ``_set_host_enabled``: without libvirt a host is disabled.
        """
        wanted = set(self.hosts)

        def enabled() -> bool | None:
            services = self.services.list_services(binary=NOVA_COMPUTE)["services"]
            there = {
                service["host"]
                for service in services
                if service["status"] == "enabled" and service["state"] == "up"
            }
            return True if wanted <= there else None

        self.cloud.until(enabled, "nova-compute", self.watch)


class ServiceRestartTest(RestartCase):
    """Services end, in good order and by force, and are started again."""

    @decorators.attr(type=["restart"])
    @decorators.idempotent_id("73c13f3c-eaed-433c-9508-184a7b09cb73")
    @requires(local_devices(2), dedicated_cpus(1), deployment(DriverCapability.RESTART))
    def test_compute_is_restarted(self) -> None:
        self.restarted(NOVA_COMPUTE)

    @decorators.attr(type=["restart", "slow"])
    @decorators.idempotent_id("ecfc982d-bc59-495b-846f-2f6cc70556a5")
    @requires(local_devices(2), dedicated_cpus(1), deployment(DriverCapability.RESTART))
    def test_compute_is_killed(self) -> None:
        self.killed(NOVA_COMPUTE)

    @decorators.attr(type=["restart"])
    @decorators.idempotent_id("1d6ffd5c-7f0d-4998-9bfe-99023469df87")
    @requires(local_devices(2), dedicated_cpus(1), deployment(DriverCapability.RESTART))
    def test_libvirt_is_restarted(self) -> None:
        self.restarted(LIBVIRT)

    @decorators.attr(type=["restart", "slow"])
    @decorators.idempotent_id("68c9f0e5-d5b0-41ae-a687-a967e931e50c")
    @requires(local_devices(2), dedicated_cpus(1), deployment(DriverCapability.RESTART))
    def test_libvirt_is_killed(self) -> None:
        self.killed(LIBVIRT)

    @decorators.attr(type=["restart"])
    @decorators.idempotent_id("3045dee9-8a7e-4b8c-871a-80199d8c1f71")
    @requires(local_devices(2), dedicated_cpus(1), deployment(DriverCapability.RESTART))
    def test_conductor_is_restarted(self) -> None:
        self.restarted(CONDUCTOR)

    @decorators.attr(type=["restart"])
    @decorators.idempotent_id("24905522-c809-4c2d-8ae6-0a3b32706918")
    @requires(local_devices(2), dedicated_cpus(1), deployment(DriverCapability.RESTART))
    def test_scheduler_is_restarted(self) -> None:
        """What it knows of devices is what nova-compute has reported."""
        self.restarted(SCHEDULER)

    @decorators.attr(type=["restart", "slow"])
    @decorators.idempotent_id("3fc88634-ae66-4621-8d15-18d6380b0fdb")
    @requires(local_devices(2), dedicated_cpus(1), deployment(DriverCapability.RESTART))
    def test_all_of_nova_is_restarted(self) -> None:
        self.restarted(NOVA_COMPUTE, CONDUCTOR, SCHEDULER, API)

    @decorators.attr(type=["restart", "slow"])
    @decorators.idempotent_id("faad89fb-420b-409a-824b-9cefe7c2e54d")
    @requires(local_devices(1), deployment(DriverCapability.RESTART))
    def test_compute_is_killed_while_it_builds_a_guest(self) -> None:
        """Whatever has become of the server, nothing is held once it is deleted."""
        (server,) = self.session.ask([request(devices=self.nics())])
        if isinstance(server, Rejection):
            self.fail(f"it is refused: {server.message}")

        def is_built() -> bool | None:
            shown = self.cloud.show(server)
            begun = shown["OS-EXT-STS:task_state"] == "spawning"
            return True if begun or shown["status"] in ("ACTIVE", "ERROR") else None

        self.cloud.until(is_built, "spawning", self.watch)
        with self.watch.waiting(NOVA_COMPUTE):
            self.driver.kill(NOVA_COMPUTE)
            self.driver.start(NOVA_COMPUTE)
        self.cloud.delete([server], self.watch)
        self.session.nothing_is_held()
        self.place(request(devices=self.nics()))

    def restarted(self, *services: str) -> None:
        """Restart services one after the other."""
        servers = self.some_guests()
        before = accounting.read(self.hosts)
        with self.watch.waiting("restarts"):
            for service in services:
                self.driver.restart(service)
        self.await_enabled()
        self.assert_unchanged(before, accounting.read(self.hosts))
        self.assert_goes_on(*servers)

    def killed(self, service: str) -> None:
        """End a service by force, and start it."""
        servers = self.some_guests()
        before = accounting.read(self.hosts)
        with self.watch.waiting("restarts"):
            self.driver.kill(service)
            self.driver.start(service)
        self.await_enabled()
        self.assert_unchanged(before, accounting.read(self.hosts))
        self.assert_goes_on(*servers)


class HostRebootTest(RestartCase):
    """The power fails on a host with servers."""

    @decorators.attr(type=["restart", "slow"])
    @decorators.idempotent_id("8e163e86-1540-4682-80e1-480627c745b8")
    @requires(local_devices(2), dedicated_cpus(1), deployment(DriverCapability.REBOOT))
    def test_guests_are_started_by_hand(self) -> None:
        """Their devices and CPUs are theirs while they are off."""
        servers = self.some_guests()
        before = accounting.read(self.hosts)
        self.reboot()
        for server in servers:
            server.went_off()
            server.check("power failure")
        after = accounting.read(self.hosts)
        self.assert_unchanged(before.of_nova(), after.of_nova())
        for server in servers:
            server.reboot(hard=True)
        self.assert_unchanged(before, accounting.read(self.hosts))
        self.assert_goes_on(*servers)

    @decorators.attr(type=["restart", "slow"])
    @decorators.idempotent_id("e6e13082-adbc-4fcc-a0b4-4c08247f7e0a")
    @requires(
        local_devices(2),
        dedicated_cpus(1),
        deployment(DriverCapability.REBOOT, DriverCapability.CONFIGURE),
    )
    def test_guests_are_started_by_nova(self) -> None:
        """[DEFAULT]resume_guests_state_on_host_boot."""
        options = {"DEFAULT.resume_guests_state_on_host_boot": "true"}
        with self.watch.within("options", self.driver.configured(NOVA_COMPUTE, options)):
            servers = self.some_guests()
            before = accounting.read(self.hosts)
            self.reboot()
            wanted = {server.id for server in servers}

            def run() -> bool | None:
                domains = {
                    server: domain
                    for host in self.hosts.values()
                    for server, domain in host.snapshot().host.domains.items()
                }
                there = {server for server, domain in domains.items() if domain.active}
                return True if wanted <= there else None

            self.cloud.until(run, "servers", self.watch)
            self.cloud.settled(wanted, self.watch, status="ACTIVE")
            self.assert_unchanged(before, accounting.read(self.hosts))
            self.assert_goes_on(*servers)

    def reboot(self) -> None:
        """Of every host."""
        with self.watch.waiting("the host"):
            for name in self.hosts:
                self.driver.reboot(name)
