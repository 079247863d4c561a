# SPDX-License-Identifier: Apache-2.0
"""A guest of a scenario, and what can be done with it; all is looked at again after each step."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vhost_tempest_plugin.host.nested_guest import LAST_LINE, GuestReport
from vhost_tempest_plugin.nova.expect import HostLoads, Observation, Rejection
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.nova.views import Power
from vhost_tempest_plugin.topology.pci import PciAddress

if TYPE_CHECKING:
    from vhost_tempest_plugin.scenario.base import ScenarioTest


# nova/compute/manager.py, prep_resize: what a host does first.
_ASKED = "compute_prep_resize"


class Guest:
    """A server of Nova's that was placed.

    :param number: which guest of its test it is
    :param console: it tells of itself on its console
    """

    def __init__(
        self,
        test: "ScenarioTest",
        number: int,
        server: str,
        request: Request,
        host: str,
        *,
        console: bool = False,
    ) -> None:
        self._test = test
        self._console = console
        self.number = number
        self.id = server
        self.request = request
        self.host = host
        self.power = Power.ON
        self.seen = Observation()
        self.console_log: str | None = None
        # What it has where it came from, until a move is confirmed: request, host, place.
        self.left: tuple[Request, str, Observation] | None = None

    @property
    def devices(self) -> frozenset[PciAddress]:
        """The host's PCI functions that it has."""
        return self.seen.devices

    @property
    def nodes(self) -> tuple[int, ...]:
        """The host's node of each of its own."""
        return tuple(node.node for node in self.seen.nodes)

    def report(self) -> GuestReport:
        """What it tells on its console, compared with the other views; waits for it.

        :raises ValueError: it was placed as one without a console
        """
        if not self._console:
            raise ValueError("it has nothing to tell; place it with console=True")
        log, host = self.console_log, self._test.hosts[self.host]
        # Its host is asked, where it can be: each look at a console through Nova's API keeps
        # nova-compute busy, which under emulation takes the CPU from the guest.
        told = (lambda: host.has(log, LAST_LINE)) if log else (lambda: True)
        report = self._test.cloud.report(self.id, self._test.watch, told)
        self._test.check(self, "report", report=report)
        return report

    def reboot(self, *, hard: bool = False) -> None:
        """Reboot it; it is where it was, with the devices that it had."""
        kind = "HARD" if hard else "SOFT"
        self._step(f"reboot {kind.lower()}", "reboot_server", "ACTIVE", type=kind)

    def stop(self) -> None:
        """Stop it; its devices stay its own in Nova's books, and the host's driver has them."""
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
        """Suspend it; Nova takes its devices from it for that time."""
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
        wanted = image or self._test.cloud.images.of(self.request, console=self._console)
        self._step("rebuild", "rebuild_server", "ACTIVE", image_ref=wanted)

    def resize(self, request: Request) -> None:
        """Resize it; what is expected of the new request is computed, what it had is kept."""
        fleet = self._test.fleet()
        flavor = self._test.cloud.flavor(request)
        self._test.cloud.servers.resize_server(self.id, flavor)
        self._await_verification("resize", fleet, request)

    def migrate(self) -> None:
        """Migrate it cold to another host, as a resize to what it has already."""
        fleet = self._elsewhere()
        self._test.cloud.servers.migrate_server(self.id)
        self._await_verification("migrate", fleet, self.request)

    def migrate_refused(self) -> None:
        """Ask for a migration that must find no host; it stays as it is."""
        self._test.expect_refusal(self.request, fleet=self._elsewhere())
        self._test.cloud.servers.migrate_server(self.id)
        self._settle("ACTIVE")
        self._require_unasked()
        self._test.check(self, "migrate refused")

    def live_migrate(self) -> None:
        """Migrate it to another host while it runs; what it had is free at once."""
        fleet, before = self._elsewhere(), self.host
        self._live_migrate()
        self.host = self._settle("ACTIVE")["OS-EXT-SRV-ATTR:host"]
        self._test.check(self, "live-migrate", moved=True)
        self._test.judge(fleet, self.request, self.host, self.seen)
        self._test.released(self, before, "live-migrate")

    def live_migrate_refused(self) -> None:
        """Ask for what Nova must not do; it stays as it is."""
        self._live_migrate()
        self._settle("ACTIVE")
        self._test.check(self, "live-migrate refused")

    def resize_refused(self, request: Request) -> None:
        """Ask for a resize that must find no host; it stays as it is."""
        self._test.expect_refusal(request)
        flavor = self._test.cloud.flavor(request)
        self._test.cloud.servers.resize_server(self.id, flavor)
        self._settle("ACTIVE")
        self._require_unasked()
        self._test.check(self, "resize refused")

    def confirm(self) -> None:
        """Confirm a resize: what it had before is free."""
        self._test.cloud.servers.confirm_resize_server(self.id)
        self._settle("ACTIVE")
        before, self.left = self.left, None
        self._test.check(self, "confirm")
        if before is not None and before[1] != self.host:
            self._test.released(self, before[1], "confirm")

    def revert(self) -> None:
        """Revert a resize: it has what it had before."""
        after = self.host
        self.turn_back()
        self.arrive_back()
        self._test.check(self, "revert")
        if after != self.host:
            self._test.released(self, after, "revert")

    def turn_back(self) -> None:
        """Ask for a resize to be reverted; the first half of ``revert``."""
        if self.left is None:
            raise ValueError("there is nothing to revert")
        self._test.cloud.servers.revert_resize_server(self.id)

    def arrive_back(self) -> None:
        """Wait until a resize is reverted; no view is looked at."""
        self._settle("ACTIVE")
        if self.left is not None:
            (self.request, self.host, self.seen), self.left = self.left, None

    def shelve(self) -> None:
        """Shelve it; it has no host then, and all that it had is free."""
        self._test.cloud.servers.shelve_server(self.id)
        self._settle("SHELVED_OFFLOADED")
        self._test.left_host(self, "shelve")

    def unshelve(self) -> None:
        """Unshelve it; what is expected is computed as for a new guest."""
        fleet = self._test.fleet()
        self._test.cloud.servers.unshelve_server(self.id)
        shown = self._settle("ACTIVE")
        self.host, self.power = shown["OS-EXT-SRV-ATTR:host"], Power.ON
        self._test.guests.append(self)
        self._test.check(self, "unshelve", moved=True)
        self._test.judge(fleet, self.request, self.host, self.seen)

    def unshelve_refused(self) -> None:
        """Ask for a host again where there must be none for it; it stays shelved."""
        self._test.expect_refusal(self.request)
        self._test.cloud.servers.unshelve_server(self.id)
        self._settle("SHELVED_OFFLOADED")

    def delete(self) -> None:
        """Delete it before the test ends; all that it had is free then, in every view."""
        self._test.delete(self)

    def _elsewhere(self) -> HostLoads:
        """The hosts that it is not on."""
        return {name: each for name, each in self._test.fleet().items() if name != self.host}

    def _require_unasked(self) -> None:
        """A host that could not have it must not be asked: the scheduler knows (bug 1983753)."""
        if _ASKED in self._test.cloud.events(self.id):
            raise AssertionError(f"guest {self.number}: the scheduler lets it through to a host")

    def _live_migrate(self) -> None:
        self._test.cloud.servers.live_migrate_server(self.id, host=None, block_migration="auto")

    def _await_verification(self, step: str, fleet: HostLoads, request: Request) -> None:
        shown = self._settle("VERIFY_RESIZE")
        self.left = (self.request, self.host, self.seen)
        self.request, self.host = request, shown["OS-EXT-SRV-ATTR:host"]
        self._test.check(self, step, moved=True)
        self._test.judge(fleet, request, self.host, self.seen)

    def _step(
        self, name: str, call: str, status: str, *, power: Power = Power.ON, **words: Any
    ) -> None:
        action: Callable[..., Any] = getattr(self._test.cloud.servers, call)
        action(self.id, **words)
        self._settle(status)
        self.power = power
        self._test.check(self, name)

    def _settle(self, status: str) -> Any:
        shown = self._test.cloud.settled([self.id], self._test.watch, status=status)[self.id]
        if shown["status"] != status:
            fault = self._test.fault(self.id)
            raise AssertionError(f"guest {self.number} is {shown['status']}: {fault}")
        return shown


Attempt = Guest | Rejection
