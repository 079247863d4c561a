# SPDX-License-Identifier: Apache-2.0
"""What a host is asked to be, and the host that was made of that."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.host import acceleration, ownership
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.network import uplinks
from vhost_tempest_plugin.host.network.uplink import UplinkSpec
from vhost_tempest_plugin.host.owner import USER, HostOwner
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.host.share import Share
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.topology import yaml_file
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import atomic_file
from vhost_tempest_plugin.util.progress import Progress


@dataclass(frozen=True, slots=True)
class HostSpec:
    """What ``up`` is asked for.

    :param accelerator: None takes the one that works here
    :param uri: None takes a libvirt of the host's own
    :param cold: boot even where a saved state could be restored
    :param shares: trees of the machine for the host to have; none takes those that it has
    :param uplink: the network to be connected to; None takes what the host has
    :param owner: who asks, and who is to own a new host
    :param internet: let it reach what the machine reaches; False leaves the host as it is
    """

    layout: Layout
    name: str
    accelerator: Accelerator | None = None
    uri: LibvirtUri | None = None
    cold: bool = False
    shares: tuple[Share, ...] = ()
    uplink: UplinkSpec | None = None
    owner: HostOwner = USER
    internet: bool = False


def record_new(directory: HostDirectory, spec: HostSpec, progress: Progress) -> HostRecord:
    """Record a host before anything of it is made.

    :raises InputError: the network that it is to be connected to has no such port
    """
    verdict = acceleration.choose(spec.accelerator)
    progress(f"{verdict.accelerator.upper()}: {verdict.reason}")
    atomic_file.write(directory.topology, yaml_file.dump(spec.layout.host), durable=True)
    with uplinks.chosen(spec.uplink, progress) as uplink:
        record = HostRecord(
            name=spec.name,
            uuid=uuid.uuid4(),
            topology=spec.layout.host.name,
            accelerator=verdict.accelerator,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            uri=spec.uri,
            shares=spec.shares,
            uplink=uplink,
            owner=spec.owner,
            internet=spec.internet,
        )
        directory.write(record)
    return record


def read_same(directory: HostDirectory, spec: HostSpec) -> HostRecord | None:
    """The record of a host that exists, None where there is none; *spec* must be that host.

    :raises InputError: it is another's or its name is, or it was made with something else
    """
    if not directory.is_recorded:
        ownership.require_unclaimed(spec.name, spec.owner)
        return None
    ownership.require(spec.name, spec.owner)
    record = directory.read()
    text = directory.topology.read_text(encoding="utf-8")
    if text != yaml_file.dump(spec.layout.host):
        raise InputError(
            f"host {spec.name!r} has another topology ({record.topology}, {directory.topology})",
            hint=f"{VhostCommand('destroy', spec.name)} first, or give another --name",
        )
    if spec.shares and set(spec.shares) != set(record.shares):
        raise InputError(
            f"host {spec.name!r} has other shares ({' '.join(map(str, record.shares)) or 'none'})",
            hint=f"{VhostCommand('destroy', spec.name)} first, or give another --name",
        )
    if spec.uplink and not spec.uplink.admits(record.uplink):
        raise InputError(
            f"host {spec.name!r} is connected to another network ({record.uplink or 'none'})",
            hint=f"{VhostCommand('destroy', spec.name)} first, or give another --name",
        )
    if spec.internet and not record.internet:
        raise InputError(
            f"host {spec.name!r} was made without access to the internet",
            hint=f"{VhostCommand('destroy', spec.name)} first, or give another --name",
        )
    if spec.uri not in (None, record.uri):
        raise InputError(
            f"host {spec.name!r} belongs to the libvirt {record.uri or 'of its own'}",
            hint=f"{VhostCommand('destroy', spec.name)} first to move it to {spec.uri}",
        )
    if spec.accelerator not in (None, record.accelerator):
        raise InputError(
            f"host {spec.name!r} was made for {record.accelerator}",
            hint=f"{VhostCommand('destroy', spec.name)} first to change to {spec.accelerator}",
        )
    return record
