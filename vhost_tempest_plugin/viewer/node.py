# SPDX-License-Identifier: Apache-2.0
"""A compute host that tests run on, and the way into it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vhost_tempest_plugin import hosts
from vhost_tempest_plugin.layout import Layout
from vhost_tempest_plugin.machine import Machine, Ssh
from vhost_tempest_plugin.observe import guests
from vhost_tempest_plugin.views import HostView

_ROOT = "root"
# Not scaled by how slow the machine is: to measure that takes as long as a look.
_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Node:
    """A compute host.

    :param name: what Nova calls it (``OS-EXT-SRV-ATTR:host``), and an emulated host is called
    :param layout: what hardware it has
    :param ssh: how it is reached; None for an emulated host of this machine
    """

    name: str
    layout: Layout
    ssh: Ssh | None = None

    @contextmanager
    def connected(self) -> Iterator[Machine]:
        """A connection to it.

        :raises InputError: there is no such emulated host
        :raises HostError: it does not run
        """
        if self.ssh is None:
            with hosts.connected(self.name) as (_, machine):
                yield machine
        else:
            with Machine(self.ssh) as machine:
                yield machine

    def run(self, script: str) -> str:
        """What a shell script prints that is run there as root.

        :raises HostError: it fails, or the host cannot be reached
        """
        is_root = self.ssh is None or self.ssh.user == _ROOT
        argv = ["sh", "-s"] if is_root else ["sudo", "-n", "sh", "-s"]
        with self.connected() as machine:
            return machine.run(argv, input_text=script, timeout_s=_LIMIT_S).stdout

    def look(self) -> HostView:
        """What it says of its guests and devices now.

        :raises HostError: it cannot be reached, or what it says has no known form
        """
        return guests.read(self.run(guests.script()))
