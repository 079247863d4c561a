# SPDX-License-Identifier: Apache-2.0
"""A server keeps its devices, or gives them back, as Nova promises for each of its actions.

After each of them the views must agree, and the server be where it was with the devices that it
had, unless it may move (``scenario.server``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE
from vhost_tempest_plugin.cloud.deployment.requirement import (
    dedicated_cpus,
    deployment,
    devices,
    local_devices,
    resize,
)
from vhost_tempest_plugin.nova.expect import Shortage
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.nova.views.nova import ALLOCATED, AVAILABLE
from vhost_tempest_plugin.scenario.base import allocation
from vhost_tempest_plugin.scenario.base_config import AUDIT_INTERVAL, NEVER, BaseConfigTest
from vhost_tempest_plugin.scenario.base_lifecycle import DEDICATED, BaseLifecycleTest
from vhost_tempest_plugin.scenario.base_placement import NEEDED
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.scenario.server import Server

_STARTED = "Starting compute node"
_AUDIT_FAILED = "Error updating resources for node"
_CPUS_TWICE = r".*CPUPinningInvalid: CPU set to pin \[.*\] must be a subset of free CPU set.*"
_REASON = "nova.exception."
_LOG_LINES = 2000


def audit_failures(lines: Sequence[str]) -> tuple[str, ...]:
    """Why audits failed, by nova-compute's log: the exception below each failure."""
    return tuple(
        next((reason for reason in lines[number:] if _REASON in reason), line)
        for number, line in enumerate(lines)
        if _AUDIT_FAILED in line
    )


class PowerTest(BaseLifecycleTest):
    """Actions that leave a server where it is."""

    on_one = True

    @decorators.attr(type=["smoke", "life"])
    @decorators.idempotent_id("7d49295d-15e0-427d-a606-368eab3bf686")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_hard_reboot_keeps_the_device(self) -> None:
        server = self.pinned(console=True)
        server.reboot(hard=True)
        server.report()

    @decorators.attr(type=["life"])
    @decorators.idempotent_id("41798bd0-dec3-4e5b-99e7-52c5889ec165")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_soft_reboot_keeps_the_device(self) -> None:
        """The guest shuts down (libvirt/driver.py, _soft_reboot), and is started again."""
        server = self.pinned()
        server.reboot()
        self.assertTrue(self.has_switched_itself_off(server), "Nova has ended it")

    @decorators.attr(type=["life", "slow"])
    @decorators.idempotent_id("8f2c6d1a-4b70-4e93-9a5d-c31e7f06b284")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_soft_reboot_of_a_guest_that_boots(self) -> None:
        """It does not hear of it yet, and Nova reboots it hard in the end."""
        server = self.pinned(console=True)
        server.reboot()
        server.report()

    @decorators.attr(type=["life"])
    @decorators.idempotent_id("1435bcf3-ad2a-49e0-9cb9-f7d2af149d3a")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_stopped_guest_keeps_its_device(self) -> None:
        """Nobody else gets it meanwhile, and it is the same after the start."""
        server = self.pinned()
        server.stop()
        self.refused(self.every_device(), Shortage.DEVICES)
        server.start()

    @decorators.attr(type=["life"])
    @decorators.idempotent_id("1320e697-6299-44df-bfbb-2a6ecea84044")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_paused_guest_keeps_its_device(self) -> None:
        server = self.pinned()
        server.pause()
        server.unpause()

    @decorators.attr(type=["life"])
    @decorators.idempotent_id("079d6bfc-0674-4615-99c3-57cadfca8075")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_suspended_guest_gets_its_device_back(self) -> None:
        """It is detached for that time, and still the server's (libvirt/driver.py, suspend)."""
        server = self.pinned(console=True)
        server.suspend()
        self.refused(self.every_device(), Shortage.DEVICES)
        server.resume()

    @decorators.attr(type=["life"])
    @decorators.idempotent_id("5293e9a8-f3e1-4642-8b4d-02ff5036d3b1")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_rebuilt_guest_keeps_its_device(self) -> None:
        self.pinned().rebuild()

    @decorators.attr(type=["life"])
    @decorators.idempotent_id("0b3ad21c-e4c5-46c7-aac5-044649b32088")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_rescued_guest_keeps_its_device(self) -> None:
        server = self.pinned()
        server.rescue()
        server.unrescue()

    def has_switched_itself_off(self, server: Server) -> bool:
        """Whether libvirt logged that (src/qemu/qemu_process.c, qemuProcessStop)."""
        host = self.hosts[server.host]
        name = host.snapshot().host.domains[server.id].name
        return host.has(f"/var/log/libvirt/qemu/{name}.log", "shutting down, reason=shutdown")


class ShelveTest(BaseLifecycleTest):
    """A server without a host has no devices."""

    on_one = True

    @decorators.attr(type=["life"])
    @decorators.idempotent_id("7b0be7eb-1237-42ae-bdcf-6ba75727b11b")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_shelved_guest_gives_its_device_back(self) -> None:
        """It gets one again, as a new server would, though another one has its old place."""
        server = self.pinned()
        server.shelve()
        self.occupy(server, hosts=[server.host])
        server.unshelve()

    @decorators.attr(type=["life", "slow"])
    @decorators.idempotent_id("e84fc599-95be-45e1-bad4-b06342361ef2")
    @requires(local_devices(1), dedicated_cpus(1))
    def test_devices_of_a_shelved_guest_are_for_others(self) -> None:
        """Until they are free again it finds no host."""
        server = self.pinned()
        server.shelve()
        other = self.place(self.every_device())
        server.unshelve_refused()
        other.delete()
        self.occupy(server, hosts=[server.host])
        server.unshelve()


@requires(resize())
class ResizeTest(BaseLifecycleTest, BaseConfigTest):
    """Resizes: the old devices are kept until one is confirmed."""

    @decorators.attr(type=["life", "slow"])
    @decorators.idempotent_id("c1037f7b-0b4d-4560-b2d5-6f0e00c1c849")
    @requires(local_devices(3))
    def test_more_devices(self) -> None:
        """Nova's test_same_host_resize_with_pci; with floating CPUs, which any node has."""
        self.there_and_back(*(request(devices=self.nics(count)) for count in (1, 2)))

    @decorators.attr(type=["life", "slow"])
    @decorators.idempotent_id("1c95f1d5-15c4-47ec-8775-8ff6d2ec32ae")
    @requires(deployment(*NEEDED), local_devices(2), dedicated_cpus(1))
    def test_fewer_devices(self) -> None:
        self.there_and_back(self.asking(2), self.asking(1))

    @decorators.attr(type=["life", "slow"])
    @decorators.idempotent_id("d77686d9-c176-4f2a-aefc-715757a8ff86")
    @requires(deployment(*NEEDED), local_devices(1), dedicated_cpus(1))
    def test_first_device(self) -> None:
        """Nova's test_resize_vanilla_to_pci, on one host."""
        self.there_and_back(self.asking(0), self.asking(1))

    @decorators.attr(type=["life", "slow"])
    @decorators.idempotent_id("ce4b8865-ca8f-4d77-80e5-7d89977d4b37")
    @requires(deployment(*NEEDED), local_devices(1), dedicated_cpus(1))
    def test_last_device(self) -> None:
        """Nova's test_resize_pci_to_vanilla, on one host."""
        self.there_and_back(self.asking(1), self.asking(0))

    @decorators.attr(type=["life"])
    @decorators.idempotent_id("eb4c93e5-91e9-4959-a10d-2036c1bd66de")
    @requires(devices(2), local_devices(1), dedicated_cpus(1))
    def test_more_devices_than_there_are(self) -> None:
        """It is refused, and the server keeps what it has."""
        server = self.pinned()
        server.resize_refused(self.asking(self.counts()[-1] + 1))

    def there_and_back(self, before: Request, after: Request) -> None:
        """Resize and revert, then resize and confirm."""
        with self.unaudited(before):
            server = self.place(before)
            self.occupy(server, after)
            server.resize(after)
            server.revert()
            server.resize(after)
            server.confirm()

    @contextmanager
    def unaudited(self, asked: Request) -> Iterator[None]:
        """No audit takes the CPUs of a pinned server twice.

        For that ``AuditTest`` is there; here it would decide now and then, which is why these
        tests need a deployment that can be configured so.
        """
        if asked.cpu_policy is not DEDICATED:
            yield
            return
        with self.configured(NOVA_COMPUTE, {AUDIT_INTERVAL: NEVER}):
            yield


@requires(resize())
class AuditTest(BaseLifecycleTest, BaseConfigTest):
    """Nova goes over a host's accounts while a server is resized on it, or does not."""

    on_one = True

    @decorators.attr(type=["life", "slow"])
    @decorators.idempotent_id("5d0a7c1e-93b4-4f68-8a2d-e6c17b3f9054")
    @requires(deployment(*NEEDED), local_devices(1), dedicated_cpus(1))
    def test_accounts_are_right_while_a_guest_is_resized(self) -> None:
        """All of the old CPUs and the new ones are taken, none of them twice."""
        with self.configured(NOVA_COMPUTE, {AUDIT_INTERVAL: "1"}):
            server = self.pinned()
            server.resize(self.asking(0))
            lines = self.driver.log(NOVA_COMPUTE, server.host, _LOG_LINES)
            server.confirm()
        begun = max(number for number, line in enumerate(lines) if _STARTED in line)
        with self.known_bug("nova-bugs.rst, audit-during-resize", _CPUS_TWICE):
            self.session.require(audit_failures(lines[begun:]))

    @decorators.attr(type=["life", "slow"])
    @decorators.idempotent_id("e2f94b60-7c1d-4d35-b8a6-03a95d6c81f7")
    @requires(deployment(*NEEDED), local_devices(1))
    def test_devices_of_a_resized_guest_are_free_without_one(self) -> None:
        """Another server can have them as soon as Placement says so."""
        with self.configured(NOVA_COMPUTE, {AUDIT_INTERVAL: NEVER}):
            server = self.place(request())
            server.resize(request(devices=self.nics()))
            server.confirm()
            self.cloud.delete([server.id], self.watch)

            def released() -> bool | None:
                return None if self.cloud.placement.of(server.id, {}) else True

            self.cloud.until(released, "release", self.watch)
            said = self.allocations(server.host)
            self.session.placed.forget(server.id)
        still = allocation(ALLOCATED, server.id)
        with self.known_bug(
            "nova-bugs.rst, resized-and-untracked",
            *(f"{address}: {still}" for address in server.devices),
        ):
            self.session.require(
                f"{address}: {said[address]}"
                for address in sorted(server.devices)
                if said[address] != AVAILABLE
            )
