# SPDX-License-Identifier: Apache-2.0
"""A compute host that tests run on, and the way into it."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import TypeVar

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.observe import guests
from vhost_tempest_plugin.host.ssh import HostConnection, Ssh
from vhost_tempest_plugin.hypervisor import Remote
from vhost_tempest_plugin.nova.views import HostView
from vhost_tempest_plugin.topology.layout import Layout

_ROOT = "root"
# -r: to its daemon's socket for those who look.
_LIBVIRT = ("virt-ssh-helper", "-r", "qemu:///system")
# Longer than an instance takes to boot in an emulated host.
_PERSIST_S = 300
# Not scaled by how slow the machine is: to measure that takes as long as a look.
_LIMIT_S = 600.0
_PATIENCE_S = 15
_AWAIT = """\
left=$3
until grep -qsF -e "$2" -- "$1"; do
    [ "$left" -gt 0 ] || exit 0
    left=$((left - 1))
    sleep 1
done
echo yes
"""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ComputeHostReader:
    """A compute host.

    :param name: what Nova calls it (``OS-EXT-SRV-ATTR:host``), and an emulated host is called
    :param layout: what hardware it has
    :param ssh: how it is reached; None for an emulated host of this machine
    """

    name: str
    layout: Layout
    ssh: Ssh | None = None

    def connection(self) -> HostConnection:
        """A connection to it, for the caller to close.

        :raises InputError: there is no such emulated host
        :raises HostError: it does not run
        """
        return HostConnection(replace(self.ssh or status.ssh(self.name), persist_s=_PERSIST_S))

    def run(
        self, script: str, over: HostConnection | None = None, arguments: Sequence[str] = ()
    ) -> str:
        """What a shell script prints that is run there as root.

        :param over: a connection that there is
        :param arguments: the script's ``$1`` and so on
        :raises HostError: it fails, or the host cannot be reached
        """
        if over is None:
            with self.connection() as connection:
                return self.run(script, connection, arguments)
        argv = self.as_root(["sh", "-s", "--", *arguments])
        return over.run(argv, input_text=script, timeout_s=_LIMIT_S).stdout

    def view(self) -> HostView:
        """What it says of its instances and devices now.

        :raises HostError: it cannot be reached, or what it says has no known form
        """
        with closing(Link(self)) as link:
            return link.view()

    def as_root(self, argv: Sequence[str]) -> list[str]:
        """A command line there that root runs, whoever may log in."""
        sudo = self.ssh is not None and self.ssh.user != _ROOT
        return [*(("sudo", "-n") if sudo else ()), *argv]


class Link:
    """Reads a compute host over connections that stay: to make one takes longer than to read."""

    def __init__(self, reader: ComputeHostReader) -> None:
        self._reader = reader
        self._connection: HostConnection | None = None
        self._libvirt: Remote | None = None
        self._held = ExitStack()

    def view(self) -> HostView:
        """What the host says of its instances and devices now.

        :raises HostError: it cannot be reached, or what it says has no known form
        """
        return self._over(self._view)

    def has(self, file: str, line: str, patience_s: int = _PATIENCE_S) -> bool:
        """Whether a file there has this in a line.

        :param patience_s: for so long it is waited for
        :raises HostError: it cannot be reached
        """
        words = (file, line, str(patience_s))
        return bool(self._over(lambda connection: self._reader.run(_AWAIT, connection, words)))

    def _view(self, connection: HostConnection) -> HostView:
        output = self._reader.run(guests.script(), connection)
        if self._libvirt is None:
            argv = connection.argv(self._reader.as_root(_LIBVIRT))
            remote = Remote.open(argv, connection.directory, limit_s=_LIMIT_S)
            self._libvirt = self._held.enter_context(remote)
        return guests.read(output, self._libvirt.domains())

    def _over(self, action: Callable[[HostConnection], _T]) -> _T:
        if self._connection is not None:
            try:
                return action(self._connection)
            except HostError:
                # It may have been booted since.
                self.close()
        self._connection = self._held.enter_context(self._reader.connection())
        return action(self._connection)

    def close(self) -> None:
        """Let the connections end."""
        self._connection = self._libvirt = None
        self._held.close()
