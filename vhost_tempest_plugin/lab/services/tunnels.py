# SPDX-License-Identifier: Apache-2.0
"""Tunnels through which a lab's hosts reach its services, and nothing else of the machine.

For each host an ssh client listens there on the services' ports, on the loopback address, and
connects to the same ports here (ssh(1), ``-R``).  The lab's supervisor runs this module; it makes
a tunnel whenever a host accepts ssh, also after the host was booted, restored or made anew.
"""

import contextlib
import itertools
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.host import readiness
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.ssh import HostConnection, Ssh
from vhost_tempest_plugin.lab.services.program import Program
from vhost_tempest_plugin.util import child, interpreter
from vhost_tempest_plugin.util.die_with_parent import asked_to_end
from vhost_tempest_plugin.util.tcp_ports import LOOPBACK
from vhost_tempest_plugin.util.waiting import wait_for

_POLL_S = 0.25
_PAUSE_S = 0.5
# How long a host may take to accept ssh; one that boots answers late to the first question.
_PATIENCE_S = (4, 8, 16)
# A host that was reset answers to the next packet that it knows no such connection.
_ALIVE_S, _ALIVE_COUNT = 2, 60
# In the host: the process of its ssh server that listens.
_LISTENER = "/run/vhost-tunnel.pid"
_HOLD = f"echo $PPID >{_LISTENER}; exec sleep infinity"
_END_OLD = f"""\
read -r pid <{_LISTENER} || exit 0
case "$(cat /proc/$pid/comm)" in sshd*) kill "$pid" ;; esac
"""
_END_OLD_S = 60.0


def ports(settings: Settings) -> tuple[int, ...]:
    """Those of the services that nova-compute needs."""
    chosen = settings.ports
    return (chosen.broker, chosen.keystone, chosen.placement, chosen.glance, chosen.neutron)


def program(settings: Settings) -> Program:
    """This module, for the supervisor."""
    numbers = ",".join(map(str, ports(settings)))
    hosts = (HostDirectory.of(host.name).path for host in settings.hosts)
    return Program(
        name=Service.TUNNELS,
        argv=tuple(interpreter.own("-m", __name__, numbers, *hosts)),
        directory=settings.directory,
        log=settings.log(Service.TUNNELS),
    )


def listens(settings: Settings) -> str:
    """A command of a shell in a host: whether the tunnel is there; the last port comes last."""
    return f"ss -Hltn sport = :{ports(settings)[-1]} | grep -q ."


class Tunnel:
    """The tunnel of one host.

    :param numbers: the ports that lead through it
    """

    def __init__(self, directory: HostDirectory, numbers: Sequence[int]) -> None:
        self._directory = directory
        self._forwards = [f"-R{LOOPBACK}:{number}:{LOOPBACK}:{number}" for number in numbers]

    def keep(self) -> NoReturn:
        """Have it whenever the host runs."""
        while True:
            patience_s = itertools.chain(_PATIENCE_S, itertools.repeat(_PATIENCE_S[-1]))
            ssh = wait_for(self._ssh, "the host", None, poll_s=_POLL_S)
            while self._ssh() == ssh:
                self._hold(ssh, next(patience_s))
                self._end_old(ssh)
                time.sleep(_PAUSE_S)

    def argv(self, ssh: Ssh, patience_s: int) -> list[str]:
        """The client that holds the tunnel, in a connection of its own."""
        options = {
            "ExitOnForwardFailure": "yes",
            "ConnectTimeout": patience_s,
            "ServerAliveInterval": _ALIVE_S,
            "ServerAliveCountMax": _ALIVE_COUNT,
        }
        # Of two the first counts.
        first = [f"-o{name}={value}" for name, value in options.items()]
        name, *others = (word for word in ssh.argv() if not word.startswith("-oControl"))
        return [name, *first, *others, *self._forwards, ssh.destination, _HOLD]

    def _ssh(self) -> Ssh | None:
        """How the host is reached; None where it is not there, or does not accept ssh yet."""
        try:
            port = self._directory.read().ssh_port
        except (VhostError, OSError):
            return None
        return None if port is None else readiness.ssh(self._directory, port)

    def _hold(self, ssh: Ssh, patience_s: int) -> None:
        """Have it until the connection ends."""
        argv = asked_to_end(self.argv(ssh, patience_s))
        with child.ending(argv, stdout=None, stderr=None, directory=ssh.directory) as client:
            client.wait()

    def _end_old(self, ssh: Ssh) -> None:
        """End what still listens in the host for an earlier client; ssh has said what is wrong."""
        with contextlib.suppress(VhostError), HostConnection(ssh) as connection:
            connection.run(["sh", "-s"], input_text=_END_OLD, timeout_s=_END_OLD_S, check=False)


def main() -> int:
    """Keep a tunnel for each host until this is asked to end."""
    numbers, *paths = sys.argv[1:]
    for path in paths:
        tunnel = Tunnel(HostDirectory(Path(path)), [int(number) for number in numbers.split(",")])
        threading.Thread(target=tunnel.keep, daemon=True).start()
    # The clients are asked to end with the threads that started them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
