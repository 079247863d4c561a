# SPDX-License-Identifier: Apache-2.0
"""A process that does one thing with one host; ``jobs`` starts it.

A process can hold one embedded libvirt only, and several hosts are worked on at once.
"""

import os
import signal
import sys
from typing import assert_never

from vhost_tempest_plugin.errors import VhostError
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
from vhost_tempest_plugin.util.progress import Progress

_INTERRUPTED = 130


def perform(request: Request, progress: Progress) -> None:
    """Do what is asked.

    :raises VhostError: as ``lifecycle`` and ``hotplug`` do
    """
    match request:
        case Up(name, topology, accelerator, shares, uplink):
            layout = catalog.find(str(topology))
            spec = HostSpec(layout, name, accelerator, shares=shares, uplink=uplink)
            lifecycle.up(spec, progress)
        case Down(name):
            lifecycle.down(name, progress)
        case Save(name):
            lifecycle.save(name, progress)
        case Restore(name):
            lifecycle.restore(name, progress)
        case Destroy(name):
            lifecycle.destroy(name, progress)
        case Plug(name, address, multifunction):
            hotplug.plug(name, address, progress, multifunction=multifunction)
        case Unplug(name, address, wait):
            hotplug.unplug(name, address, progress, wait=wait)
        case _:
            assert_never(request)


def main() -> int:
    """Carry out the request that is the only argument; gives the exit code."""
    # What was begun is ended, whichever way the worker is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What libraries print is no answer.
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)

        def report(news: str) -> None:
            print(worker_protocol.progress(news), file=answers)

        try:
            perform(worker_protocol.load_request(sys.argv[1]), report)
        except VhostError as error:
            print(worker_protocol.failure(error), file=answers)
            return error.exit_code
        except KeyboardInterrupt:
            return _INTERRUPTED
        print(worker_protocol.done(), file=answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
