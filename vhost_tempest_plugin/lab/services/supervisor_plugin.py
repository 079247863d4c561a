# SPDX-License-Identifier: Apache-2.0
"""What supervisord itself counts for a lab: how often each program has ended by itself.

supervisord loads it (``[rpcinterface:...]`` of its file,
http://supervisord.org/xmlrpc.html); its own API does not have the count, and its log is rotated.
"""

from collections import Counter
from typing import Any

from supervisor import events

# Of the XML-RPC: "<namespace>.<method>".
NAMESPACE = "vhost"
FACTORY = f"{__name__}:make"


class Ends:
    """The methods of the namespace."""

    def __init__(self) -> None:
        self._ends: Counter[str] = Counter()
        # A program that ran, and one that ended too soon to count as one that has run.
        for kind in (events.ProcessStateExitedEvent, events.ProcessStateBackoffEvent):
            events.subscribe(kind, self._note)

    def getEnds(self) -> dict[str, int]:  # noqa: N802 - as supervisor names methods
        """How often each program has ended by itself.

        @return struct result by the program's name
        """
        return dict(self._ends)

    def _note(self, event: Any) -> None:
        # Without a process it could not be run at all.
        if event.process.pid:
            self._ends[event.process.config.name] += 1


def make(supervisord: object, **options: str) -> Ends:
    """Called by supervisord when it starts."""
    return Ends()
