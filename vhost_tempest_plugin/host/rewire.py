# SPDX-License-Identifier: Apache-2.0
"""Other hardware for a host that is off, as when its cards are moved by hand."""

from dataclasses import replace

from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.host import ownership
from vhost_tempest_plugin.host import status as host_status
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.owner import HostOwner
from vhost_tempest_plugin.host.record import Phase
from vhost_tempest_plugin.topology import yaml_file
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import atomic_file
from vhost_tempest_plugin.util.progress import Progress

_WAIT_S = 600.0


def rewire(name: str, owner: HostOwner, layout: Layout, progress: Progress) -> None:
    """Have a host boot with the hardware of *layout* from now on; its disk stays.

    :raises InputError: there is no such host, it is not *owner*'s, or it is not off
    """
    directory = HostDirectory.of(name)
    with directory.locked(wait_s=_WAIT_S, progress=progress):
        ownership.require(name, owner)
        status = host_status.status(name)
        if status.phase not in (Phase.OFF, Phase.FAILED):
            raise InputError(
                f"host {name!r} is not off", hint=f"{VhostCommand('down', name)} shuts it down"
            )
        record = directory.read()
        atomic_file.write(directory.topology, yaml_file.dump(layout.host), durable=True)
        directory.write(replace(record, topology=layout.host.name, phase=Phase.OFF, ssh_port=None))
