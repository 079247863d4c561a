# SPDX-License-Identifier: Apache-2.0
"""A server of a test, and what can be done with it; all views are compared after each step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vhost_tempest_plugin.host.nested_guest import LAST_LINE, GuestReport
from vhost_tempest_plugin.nova.expect import HostLoads, Observation, Rejection
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.nova.views import Power
from vhost_tempest_plugin.scenario.placed_server import Claim, PlacedServer
from vhost_tempest_plugin.scenario.session import Session
from vhost_tempest_plugin.topology.pci import PciAddress

# nova/compute/manager.py, prep_resize: what a destination host does first.
_ASKED = "compute_prep_resize"
# nova/compute/utils.py, wrap_instance_event: the prefix says which service it is.
_LIVE_MIGRATION = "conductor_live_migrate_instance"
_OF_HOSTS = "compute_"
_ERROR = "Error"
_HOST = "OS-EXT-SRV-ATTR:host"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was placed; what is known of it is the session's.

    :param id: Nova's uuid
    """

    _session: Session = field(compare=False, repr=False)
    id: str

    @property
    def state(self) -> PlacedServer:
        """What is known of it."""
        return self._session.placed.of(self.id)

    @property
    def number(self) -> int:
        """Which server of its test it is."""
        return self.state.number

    @property
    def request(self) -> Request:
        """What it asked for last."""
        return self.state.claim.request

    @property
    def host(self) -> str:
        """Its compute host, or the last one that it had."""
        return self.state.host

    @property
    def seen(self) -> Observation:
        """Where libvirt had it last."""
        return self.state.claim.seen

    @property
    def devices(self) -> frozenset[PciAddress]:
        """The host's PCI functions that it has."""
        return self.seen.devices

    @property
    def nodes(self) -> tuple[int, ...]:
        """The host's node of each of its own."""
        return tuple(node.node for node in self.seen.nodes)

    def report(self) -> GuestReport:
        """What the guest in it reports on its console, compared with the other views; waits.

        :raises ValueError: it was placed as one without a console
        """
        if not self.state.console:
            raise ValueError("it reports nothing; place it with console=True")
        log, host = self.state.console_log, self._session.placed.hosts[self.host]
        # The host is asked, where it can be: each look at a console through Nova's API keeps
        # nova-compute busy, which under emulation takes the CPU from the guest.
        is_done = (lambda: host.has(log, LAST_LINE)) if log else (lambda: True)
        report = self._session.cloud.report(self.id, self._session.watch, is_done)
        self._session.check(self.id, step="report", report=report)
        return report

    def check(self, step: str) -> None:
        """Compare all views of it; it must be where and what it was."""
        self._session.check(self.id, step=step)

    def went_off(self) -> None:
        """Note that it is off because its host was."""
        self._session.placed.update(self.id, power=Power.OFF)

    def reboot(self, *, hard: bool = False) -> None:
        """Reboot it; it is where it was, with the devices that it had."""
        kind = "HARD" if hard else "SOFT"
        self._step(f"reboot {kind.lower()}", "reboot_server", "ACTIVE", type=kind)

    def stop(self) -> None:
        """Stop it; Nova keeps its devices allocated, and the host's drivers have them."""
        self._step("stop", "stop_server", "SHUTOFF", power=Power.OFF)

    def start(self) -> None:
        """Start it; it has the devices that it had."""
        self._step("start", "start_server", "ACTIVE")

    def pause(self) -> None:
        """Pause it; it keeps its devices."""
        self._step("pause", "pause_server", "PAUSED")

    def unpause(self) -> None:
        """Let it go on."""
        self._step("unpause", "unpause_server", "ACTIVE")

    def suspend(self) -> None:
        """Suspend it; Nova detaches its devices for that time."""
        self._step("suspend", "suspend_server", "SUSPENDED", power=Power.SUSPENDED)

    def resume(self) -> None:
        """Resume it; it has its devices again."""
        self._step("resume", "resume_server", "ACTIVE")

    def rescue(self) -> None:
        """Boot it from its image beside its disk."""
        self._step("rescue", "rescue_server", "RESCUE")

    def unrescue(self) -> None:
        """Boot it from its disk again."""
        self._step("unrescue", "unrescue_server", "ACTIVE")

    def rebuild(self, image: str | None = None) -> None:
        """Rebuild it on its host, by default from the image that it has.

        :param image: an id
        """
        images = self._session.cloud.images
        wanted = image or images.of(self.request, console=self.state.console)
        self._step("rebuild", "rebuild_server", "ACTIVE", image_ref=wanted)

    def resize(self, request: Request) -> None:
        """Resize it; it keeps what it had until ``confirm``."""
        loads = self._session.placed.loads()
        flavor = self._session.cloud.flavor(request)
        self._session.cloud.servers.resize_server(self.id, flavor)
        self._await_verification("resize", loads, request)

    def migrate(self) -> None:
        """Migrate it cold to another host; it keeps what it had until ``confirm``."""
        loads = self._elsewhere()
        self._session.cloud.servers.migrate_server(self.id)
        self._await_verification("migrate", loads, self.request)

    def migrate_refused(self) -> None:
        """Ask for a migration that must find no host; it stays as it is."""
        self._session.expect_refusal(self.request, loads=self._elsewhere())
        self._session.cloud.servers.migrate_server(self.id)
        self._session.settle(self.id, "ACTIVE")
        self._require_unasked()
        self.check("migrate refused")

    def live_migrate(self) -> None:
        """Migrate it to another host while it runs; what it had is free at once."""
        loads, before = self._elsewhere(), self.host
        self._live_migrate()
        shown = self._session.settle(self.id, "ACTIVE")
        claim = Claim.of(loads, self.request, shown[_HOST])
        self._session.placed.update(self.id, claim=claim)
        self._session.check(self.id, step="live-migrate", moved=True)
        self._session.judge(loads, self.id)
        self._session.released(self.id, before, "live-migrate")

    def live_migrate_refused(self) -> None:
        """Ask for what nova-conductor must refuse before any host is asked; it stays as it is."""
        self._live_migrate()
        self._session.settle(self.id, "ACTIVE")
        events = self._session.events(self.id, _LIVE_MIGRATION)
        hosts = sorted(event for event in events if event.startswith(_OF_HOSTS))
        if hosts:
            raise AssertionError(f"server {self.number}: hosts are asked: {', '.join(hosts)}")
        if events[_LIVE_MIGRATION] != _ERROR:
            raise AssertionError(f"server {self.number}: nova-conductor does not refuse it")
        self.check("live-migrate refused")

    def resize_refused(self, request: Request) -> None:
        """Ask for a resize that must find no host; it stays as it is."""
        self._session.expect_refusal(request)
        flavor = self._session.cloud.flavor(request)
        self._session.cloud.servers.resize_server(self.id, flavor)
        self._session.settle(self.id, "ACTIVE")
        self._require_unasked()
        self.check("resize refused")

    def confirm(self) -> None:
        """Confirm a resize or migration: what it had before is free."""
        self._session.cloud.servers.confirm_resize_server(self.id)
        self._session.settle(self.id, "ACTIVE")
        source = self.state.source
        self._session.placed.update(self.id, source=None)
        self.check("confirm")
        if source is not None and source.host != self.host:
            self._session.released(self.id, source.host, "confirm")

    def revert(self) -> None:
        """Revert a resize or migration: it has what it had before."""
        after = self.host
        self.turn_back()
        self.arrive_back()
        self.check("revert")
        if after != self.host:
            self._session.released(self.id, after, "revert")

    def turn_back(self) -> None:
        """Ask for a resize or migration to be reverted; the first half of ``revert``."""
        if self.state.source is None:
            raise ValueError("there is nothing to revert")
        self._session.cloud.servers.revert_resize_server(self.id)

    def arrive_back(self) -> None:
        """Wait until it is reverted, without comparing views."""
        self._session.settle(self.id, "ACTIVE")
        if self.state.source is not None:
            self._session.placed.update(self.id, claim=self.state.source, source=None)

    def shelve(self) -> None:
        """Shelve it; it has no host then, and all that it had is free."""
        self._session.cloud.servers.shelve_server(self.id)
        self._session.settle(self.id, "SHELVED_OFFLOADED")
        self._session.left_host(self.id, "shelve")

    def unshelve(self) -> None:
        """Unshelve it; it is placed as a new server would be."""
        loads = self._session.placed.loads()
        self._session.cloud.servers.unshelve_server(self.id)
        shown = self._session.settle(self.id, "ACTIVE")
        self._session.placed.arrived(self.id, Claim.of(loads, self.request, shown[_HOST]))
        self._session.check(self.id, step="unshelve", moved=True)
        self._session.judge(loads, self.id)

    def unshelve_refused(self) -> None:
        """Ask for a host again where there must be none for it; it stays shelved."""
        self._session.expect_refusal(self.request)
        self._session.cloud.servers.unshelve_server(self.id)
        self._session.settle(self.id, "SHELVED_OFFLOADED")

    def delete(self) -> None:
        """Delete it before the test ends; all that it had is free then, in every view."""
        self._session.delete(self.id)

    def _elsewhere(self) -> HostLoads:
        """The hosts that it is not on."""
        return self._session.placed.loads(without=self.host)

    def _require_unasked(self) -> None:
        """A host that could not have it must not be asked: the scheduler knows (bug 1983753)."""
        if _ASKED in self._session.cloud.events(self.id):
            raise AssertionError(f"server {self.number}: the scheduler lets it through to a host")

    def _live_migrate(self) -> None:
        servers = self._session.cloud.servers
        servers.live_migrate_server(self.id, host=None, block_migration="auto")

    def _await_verification(self, step: str, loads: HostLoads, request: Request) -> None:
        shown = self._session.settle(self.id, "VERIFY_RESIZE")
        claim = Claim.of(loads, request, shown[_HOST])
        self._session.placed.update(self.id, source=self.state.claim, claim=claim)
        self._session.check(self.id, step=step, moved=True)
        self._session.judge(loads, self.id)

    def _step(
        self, name: str, call: str, status: str, *, power: Power = Power.ON, **words: Any
    ) -> None:
        action: Callable[..., Any] = getattr(self._session.cloud.servers, call)
        action(self.id, **words)
        self._session.settle(self.id, status)
        self._session.placed.update(self.id, power=power)
        self.check(name)


Attempt = Server | Rejection
