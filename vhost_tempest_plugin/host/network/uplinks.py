# SPDX-License-Identifier: Apache-2.0
"""The port that a host has of a network."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from vhost_tempest_plugin.errors import HostError, InputError, LocalError, VhostCommand
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.network import registry, taps
from vhost_tempest_plugin.host.network.nat import NatNetwork
from vhost_tempest_plugin.host.network.uplink import Uplink, UplinkSpec
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.util import paths
from vhost_tempest_plugin.util.command_lock import CommandLock
from vhost_tempest_plugin.util.file_lock import FileLock
from vhost_tempest_plugin.util.progress import Progress

# What a host has on its other link (QEMU, net/slirp.c).
_USER_MODE = IPv4Network("10.0.2.0/24")
# How long to wait for other commands that choose a port, which takes each a moment.
_CHOOSING_S = 60.0


@contextmanager
def chosen(spec: UplinkSpec | None, progress: Progress) -> Iterator[Uplink | None]:
    """The uplink for a new host, whose record is to be written in the block.

    Ports are claimed by the records of this user's hosts, so that the lock is this user's too.

    :raises InputError: there is no such network or port, or none is free
    :raises BusyError: another command of this user's chooses a port for too long
    """
    if spec is None:
        yield None
        return
    network = registry.read(spec.network)
    lock = CommandLock(paths.state() / "uplinks.lock", "the choice of a port")
    with lock.acquire(lambda: _opened(lock.path), _CHOOSING_S, progress):
        yield _free(network) if spec.port is None else _unclaimed(network.uplink(spec.port))


def current(uplink: Uplink | None) -> Uplink | None:
    """What is at a host's port now, for one that is about to boot.

    After the machine has booted the network was made anew, and may have other addresses.

    :raises InputError: the network or the port is gone, or taken
    """
    if uplink is None:
        return None
    found = registry.read(uplink.network).uplink(uplink.port)
    _require(found)
    return found


def require_unchanged(record: HostRecord) -> None:
    """Check that a saved host finds its port as it had it.

    :raises InputError: it is gone, taken, or has another address
    """
    if current(record.uplink) != record.uplink:
        raise InputError(
            f"network {record.uplink} has other addresses since host {record.name!r} was saved",
            hint=f"{VhostCommand('up', name=record.name, cold=True)} boots the host afresh",
        )


def machine_addresses(uplink: Uplink | None) -> tuple[IPv4Address, ...]:
    """Where else than at its gateway a host with *uplink* finds the machine.

    The user-mode link does not lead there; where it does, what it carries comes from the machine
    itself, so that the machine would not know whose it is, as a tunnel's other end has to.
    """
    if uplink is None:
        return ()
    apart = (_USER_MODE, uplink.address.network)
    found = {address.ip for address in taps.addresses() if not address.is_loopback}
    return tuple(sorted(ip for ip in found if not any(ip in network for network in apart)))


def _opened(lock: Path) -> FileLock:
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileLock.create(lock)
    except OSError as error:
        raise LocalError(
            f"cannot write {lock}: {error.strerror}", hint="see XDG_STATE_HOME"
        ) from None


def _require(uplink: Uplink) -> None:
    """Check that the tap device is there for this user, and that no other host has it."""
    if not taps.exists(uplink.tap):
        raise InputError(
            f"the tap device {uplink.tap} of network {uplink.network!r} is gone",
            hint="repeat the command that created the network",
        )
    owner, user = taps.owner(uplink.tap), os.geteuid()
    if user not in (0, owner):
        raise InputError(
            f"port {uplink} is user id {owner}'s",
            hint=f"take a network that was created with --owner {user}",
        )
    if taps.is_taken(uplink.tap):
        raise InputError(
            f"another host has port {uplink}",
            hint=f"destroy that host first (see {VhostCommand('list')}), or take another port",
        )


def _free(network: NatNetwork) -> Uplink:
    claimed = set(_claimed())
    for port in range(network.ports):
        uplink = network.uplink(port)
        if (uplink.network, port) not in claimed and not taps.is_taken(uplink.tap):
            return uplink
    raise InputError(
        f"all {network.ports} ports of network {network.name!r} belong to hosts",
        hint=f"destroy one of them (see {VhostCommand('list')}), or take a network with more",
    )


def _unclaimed(uplink: Uplink) -> Uplink:
    if (uplink.network, uplink.port) in set(_claimed()):
        raise InputError(
            f"another host has port {uplink}",
            hint=f"destroy that host first (see {VhostCommand('list')}), or take another port",
        )
    return uplink


def _claimed() -> Iterator[tuple[str, int]]:
    """The ports of this user's hosts: one that is off or saved comes back to its own."""
    for directory in HostDirectory.all():
        try:
            uplink = directory.read().uplink
        except (InputError, HostError):
            continue
        if uplink is not None:
            yield uplink.network, uplink.port
