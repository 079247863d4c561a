# SPDX-License-Identifier: Apache-2.0
"""A process that does one thing with one host; ``jobs`` starts it.

A process can hold one embedded libvirt only, and several hosts are worked on at once.
"""

import os
import sys
from contextlib import suppress
from typing import assert_never

from vhost_tempest_plugin.errors import VhostError, in_order
from vhost_tempest_plugin.host import hotplug, lifecycle, worker_protocol
from vhost_tempest_plugin.host.spec import HostSpec
from vhost_tempest_plugin.host.worker_protocol import (
    Destroy,
    Down,
    Plug,
    Request,
    Restore,
    Save,
    Unplug,
    Up,
)
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util import interruption, trust
from vhost_tempest_plugin.util.progress import Progress


def perform(request: Request, progress: Progress) -> None:
    """Do what is asked.

    :raises VhostError: as ``lifecycle`` and ``hotplug`` do
    """
    match request:
        case Up(name, owner, topology, accelerator, shares, uplink, internet):
            layout = catalog.find(str(topology))
            spec = HostSpec(
                layout,
                name,
                accelerator,
                shares=shares,
                uplink=uplink,
                internet=internet,
                owner=owner,
            )
            lifecycle.up(spec, progress)
        case Down(name, owner):
            lifecycle.down(name, progress, owner=owner)
        case Save(name, owner):
            lifecycle.save(name, progress, owner=owner)
        case Restore(name, owner):
            lifecycle.restore(name, progress, owner=owner)
        case Destroy(name, owner):
            lifecycle.destroy(name, progress, owner=owner)
        case Plug(name, owner, address, multifunction):
            hotplug.plug(name, address, progress, multifunction=multifunction, owner=owner)
        case Unplug(name, owner, address, wait):
            hotplug.unplug(name, address, progress, wait=wait, owner=owner)
        case _:
            assert_never(request)


def main() -> int:
    """Carry out the request that is the only argument; gives the exit code."""
    trust.limit_umask()
    # What libraries print is no answer.  What was begun is ended, whichever way the worker is.
    with (
        interruption.handled_once(),
        os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8") as answers,
    ):
        os.dup2(2, 1)

        def report(news: str) -> None:
            # Where nobody reads any more, it is ended, and puts everything in order.
            with suppress(OSError):
                print(worker_protocol.progress(news), file=answers)

        try:
            perform(worker_protocol.load_request(sys.argv[1]), report)
        except VhostError as error:
            first, *others = in_order(error)
            for other in others:
                report(str(other))
            print(worker_protocol.failure(first), file=answers)
            return first.exit_code
        except KeyboardInterrupt:
            return interruption.EXIT_CODE
        print(worker_protocol.done(), file=answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
