# SPDX-License-Identifier: Apache-2.0
"""nova-compute in a lab's host, which is saved and restored with it.

It runs out of the lab's environment, or out of the Nova under test.
"""

from pathlib import PurePosixPath

from vhost_tempest_plugin.cloud.compute import unit
from vhost_tempest_plugin.cloud.compute.copies import Copy, Tree
from vhost_tempest_plugin.cloud.compute.service import ComputeService
from vhost_tempest_plugin.cloud.configuration.nova import COMPUTE_FILE
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.errors import HostError, VhostCommand
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.lab.services import tunnels
from vhost_tempest_plugin.util.tcp_ports import LOOPBACK
from vhost_tempest_plugin.util.waiting import TimedOutError, wait_for

UNIT = "nova-compute.service"
LOG = unit.LOG

_NOVA = PurePosixPath("/opt/vhost/nova")
_MANIFEST = PurePosixPath("/opt/vhost/nova.json")

# What of Nova is imported before it has read its options, and no more: modules that it imports
# later look at them (the intervals of nova.compute.manager's periodic tasks).  With what those
# import that is not Nova's.
IMPORTED = (
    *("nova.cmd.compute", "castellan.key_manager", "cinderclient.v3.client", "cursive.exception"),
    *("glanceclient.v2.client", "libvirt", "lxml.etree", "neutronclient.v2_0.client"),
    *("openstack.connection", "os_brick.initiator.connector", "os_resource_classes", "os_traits"),
    *("oslo_limit.limit", "oslo_messaging._drivers.impl_rabbit", "oslo_privsep.daemon"),
    *("paramiko", "vif_plug_ovs.ovs"),
)

# Long enough for an answer that was under way to arrive.
_QUIET_S = 2.0
_ASLEEP_LIMIT_S = 120.0
_TUNNEL_LIMIT_S = 60.0
_POLL_S = 0.5
_FIRST_S = 0.1
# A heartbeat has 8 (AMQP 0-9-1, 4.2.7), an answer hundreds.
_HEARTBEATS_BYTES = 64


class NovaCompute(ComputeService):
    """The service in one host of a lab, over a connection to it."""

    def __init__(
        self, settings: Settings, connection: HostConnection, tree: Tree | None = None
    ) -> None:
        program = settings.environment / "bin" / "nova-compute"
        paths = (_NOVA,) if tree is not None else ()
        self._tunnel = tunnels.listens(settings)
        awaited = f"until {self._tunnel}; do sleep 0.2; done"
        super().__init__(
            unit.Unit(UNIT, program, COMPUTE_FILE, paths, IMPORTED, awaited), connection
        )
        self._settings = settings
        self._copies = () if tree is None else (Copy(tree, _NOVA, _MANIFEST),)

    def install(self, configuration: str) -> bool:
        """Bring the service's files up to date; whether it would run with others than it does.

        :param configuration: what is to be in nova.conf
        :raises HostError: the host does not take them
        """
        return self.bring_up_to_date(configuration, self._copies, self._settings.run)

    def fall_asleep(self) -> None:
        """Freeze it (cgroups' freezer) while it waits for no answer from Nova's conductor.

        In a host that is saved with such a call under way, or with a conductor that ends before
        it has answered, it would wait until the call's time is over, with the lock held under
        which guests are started.

        :raises HostError: there is no such moment
        """

        def is_quiet() -> bool:
            self.shell(f"systemctl freeze {UNIT}")
            if self._stays_quiet():
                return True
            self.shell(self.thaw)
            return False

        logs = VhostCommand("lab", "logs", "nova-conductor", name=self._settings.name)
        wait_for(
            is_quiet,
            "a moment at which nova-compute waits for no answer",
            _ASLEEP_LIMIT_S,
            poll_s=_POLL_S,
            error=lambda fact: HostError(fact, hint=f"see {logs}"),
        )

    def wake_up(self) -> None:
        """Let it go on; its connections may have ended meanwhile."""
        self.shell(self.thaw)

    def await_tunnel(self) -> None:
        """Wait until the lab's services are reached from the host.

        :raises HostError: they are not
        """
        self._await(f"{self._tunnel}", "the tunnel to the lab's services")

    def await_no_tunnel(self) -> None:
        """Wait until nobody passes connections on, so that those that were made have ended.

        A host that is saved with them would not notice before its next heartbeat.

        :raises HostError: somebody still does
        """
        self._await(f"! {{ {self._tunnel}; }}", "the end of the tunnel to the lab's services")

    def _await(self, condition: str, what: str) -> None:
        logs = VhostCommand("lab", "logs", "tunnels", name=self._settings.name)
        wait_for(
            lambda: self.connection.run(["sh", "-c", condition], check=False).returncode == 0,
            what,
            _TUNNEL_LIMIT_S,
            poll_s=_POLL_S,
            first_s=_FIRST_S,
            error=lambda fact: HostError(fact, hint=f"see {logs}"),
        )

    def _stays_quiet(self) -> bool:
        """Whether the broker sends nothing but heartbeats, now that nobody reads it."""
        broker = f"dst {LOOPBACK} and dport = :{self._settings.ports.broker}"

        def is_spoken_to() -> bool:
            lines = self.run("ss", "-Htn", *broker.split()).splitlines()
            return any(int(line.split()[1]) > _HEARTBEATS_BYTES for line in lines)

        try:
            wait_for(is_spoken_to, "the broker", _QUIET_S, poll_s=_POLL_S)
        except TimedOutError:
            return True
        return False
