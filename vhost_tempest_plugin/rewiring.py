# SPDX-License-Identifier: Apache-2.0
"""Other hardware for a host that is off, as when its cards are moved by hand."""

from dataclasses import replace

from vhost_tempest_plugin import hosts, topology_file
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.layout import lay_out
from vhost_tempest_plugin.progress import Progress
from vhost_tempest_plugin.record import Phase
from vhost_tempest_plugin.state import HostDirectory
from vhost_tempest_plugin.topology import Host

_WAIT_S = 600.0


def rewire(name: str, host: Host, progress: Progress) -> None:
    """Have a host boot with the hardware of *host* from now on; its disk stays.

    :raises InputError: there is no such host, or it is not off
    :raises TopologyError: *host* cannot work
    """
    lay_out(host)
    directory = HostDirectory.of(name)
    with directory.locked(wait_s=_WAIT_S, progress=progress):
        status = hosts.status(name)
        if status.phase is not Phase.OFF:
            raise InputError(f"host {name!r} is not off; 'vhost down {name}' shuts it down")
        record = directory.read()
        partial = directory.topology.with_suffix(".partial")
        partial.write_text(topology_file.dump(host))
        partial.replace(directory.topology)
        directory.write(replace(record, topology=host.name, phase=Phase.OFF, ssh_port=None))
