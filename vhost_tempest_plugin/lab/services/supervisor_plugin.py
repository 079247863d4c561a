# SPDX-License-Identifier: Apache-2.0
"""What supervisord does for a lab besides running its programs.

It holds the lab's ports as long as it lives, and counts how often each program has ended by
itself; its own API does not have the count, and its log is rotated.  Each minute it also cuts the
consoles of the lab's hosts, should no command look at them.  supervisord loads this
(``[rpcinterface:...]`` of its file, http://supervisord.org/xmlrpc.html).
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from supervisor import events

from vhost_tempest_plugin.host import console_log
from vhost_tempest_plugin.util import tcp_ports

# Of the XML-RPC: "<namespace>.<method>".
NAMESPACE = "vhost"
FACTORY = f"{__name__}:make"


class Plugin:
    """The methods of the namespace.

    :param ports: to hold
    :param consoles: finds those of the lab's hosts
    :raises PortTakenError: another program has one of the ports
    """

    def __init__(
        self, ports: Iterable[int] = (), consoles: Callable[[], Iterable[Path]] = tuple
    ) -> None:
        self._holders = [tcp_ports.hold(port) for port in ports]
        self._consoles = consoles
        self._ends: Counter[str] = Counter()
        # A program that ran, and one that ended too soon to count as one that has run.
        for kind in (events.ProcessStateExitedEvent, events.ProcessStateBackoffEvent):
            events.subscribe(kind, self._note)
        events.subscribe(events.Tick60Event, self._cut)

    def getEnds(self) -> dict[str, int]:  # noqa: N802 - as supervisor names methods
        """How often each program has ended by itself.

        @return struct result by the program's name
        """
        return dict(self._ends)

    def _note(self, event: Any) -> None:
        # Without a process it could not be run at all.
        if event.process.pid:
            self._ends[event.process.config.name] += 1

    def _cut(self, event: Any) -> None:
        for console in self._consoles():
            # Of a host that goes, or a disk that is full; the next minute tries again.
            with contextlib.suppress(OSError):
                console_log.cut(console)


def make(
    supervisord: object, ports: str = "", hosts: str = "", lab: str = "", **options: str
) -> Plugin:
    """Called by supervisord when it starts.

    :param ports: numbers to hold, separated by spaces
    :param hosts: the directory of all hosts
    :param lab: whose hosts are called ``<lab>-<number>``
    """
    return Plugin(
        map(int, ports.split()),
        lambda: Path(hosts).glob(f"{lab}-*/console.log") if hosts else (),
    )
