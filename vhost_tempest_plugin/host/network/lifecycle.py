# SPDX-License-Identifier: Apache-2.0
"""The life of a network: created, looked at, destroyed.

Its record is written before anything of it is made, and all its names follow from its own, so
that after a command that was killed the next one completes or removes what there is.
"""

import itertools
import os
from dataclasses import dataclass
from enum import StrEnum

from vhost_tempest_plugin.errors import BusyError, InputError, VhostCommand, VhostError
from vhost_tempest_plugin.host.network import registry, subnet, taps, xml
from vhost_tempest_plugin.host.network.nat import Identity, NatNetwork, validate, validate_name
from vhost_tempest_plugin.hypervisor import Networks
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.util.progress import Progress

DEFAULT_URI = LibvirtUri.SYSTEM


class NetworkState(StrEnum):
    """How a network is."""

    UP = "up"
    INCOMPLETE = "incomplete"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """What ``create`` is asked for, as in ``NatNetwork``.

    :raises InputError: there can be no such network
    """

    name: str
    ports: int
    owner: int
    uri: LibvirtUri = DEFAULT_URI

    def __post_init__(self) -> None:
        validate(self.name, self.ports, self.owner)


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """A network as it is.

    :param network: None where its record is damaged
    :param taken: the ports that a running host has
    """

    name: str
    state: NetworkState
    network: NatNetwork | None = None
    taken: tuple[int, ...] = ()


def create(spec: NetworkSpec, progress: Progress) -> NatNetwork:
    """Have a network be there; what is there already is left alone.

    :raises InputError: there is one of this name with another shape, or this is not root
    :raises LocalError: this machine lacks something, or has no subnet free
    :raises HostError: libvirt or the kernel refuses
    """
    _require_root("create")
    with registry.changing(), Networks.open(spec.uri) as networks:
        network = _known(spec)
        if network is None:
            # A record may have been lost, as with all of /run.
            _remove_devices(Identity(spec.name), networks)
            network = _new(spec, networks, progress)
        identity = network.identity
        if not networks.has(identity.uuid):
            networks.create(xml.render_network(network))
            progress(f"bridge {identity.bridge}, {network.gateway}, NAT")
        for tap in network.taps:
            taps.add(tap, identity.bridge, network.owner)
    progress(f"network {spec.name!r} is there, {network.ports} ports")
    return network


def destroy(name: str, progress: Progress, *, missing_ok: bool = False) -> None:
    """Remove everything of a network, also where its record is damaged.

    :raises InputError: there is none, or this is not root
    :raises BusyError: a host that runs has one of its ports
    """
    validate_name(name)
    identity = Identity(name)
    left = taps.exists(identity.bridge) or taps.of_bridge(identity.bridge)
    if not registry.exists(name) and not left:
        if missing_ok:
            return
        raise InputError(
            f"there is no network {name!r}", hint=f"see {VhostCommand('network', 'list')}"
        )
    _require_root("destroy")
    with registry.changing(), Networks.open(_uri(name, progress)) as networks:
        _remove_devices(identity, networks)
        registry.forget(name)
    progress(f"network {name!r} is gone")


def overview() -> list[NetworkStatus]:
    """How all networks are, by name; libvirt is not asked, so that everybody may look."""
    return [_status(name) for name in registry.names()]


def _remove_devices(identity: Identity, networks: Networks) -> None:
    """Remove the bridge and the taps of a network, with or without a record.

    :raises BusyError: a host that runs has one of its ports
    """
    found = taps.of_bridge(identity.bridge)
    if taken := [tap for tap in found if taps.is_taken(tap)]:
        raise BusyError(
            f"a host has {', '.join(taken)} of network {identity.name!r}",
            hint=f"destroy that host first; {VhostCommand('list')} shows it to its user",
        )
    for tap in found:
        taps.remove(tap)
    networks.destroy(identity.uuid)


def _known(spec: NetworkSpec) -> NatNetwork | None:
    """The network that exists; what is asked for must be that one."""
    if not registry.exists(spec.name):
        return None
    known = registry.read(spec.name)
    for option, has, wanted in (
        ("--ports", known.ports, spec.ports),
        ("--owner", known.owner, spec.owner),
        ("--connect", known.uri, spec.uri),
    ):
        if has != wanted:
            raise InputError(
                f"network {spec.name!r} was created with {option} {has}, not {wanted}",
                hint=(
                    f"run {VhostCommand('network', 'destroy', spec.name).as_root} first, or give "
                    "another name"
                ),
            )
    return known


def _new(spec: NetworkSpec, networks: Networks, progress: Progress) -> NatNetwork:
    """Record a network before anything of it is made."""
    described = itertools.chain.from_iterable(map(xml.subnets, networks.xml_of_all()))
    recorded = (each.subnet for each in registry.readable())
    network = NatNetwork(
        name=spec.name,
        subnet=subnet.free(itertools.chain(taps.occupied(), described, recorded)),
        ports=spec.ports,
        owner=spec.owner,
        uri=spec.uri,
    )
    progress(f"{network.subnet} is free")
    registry.write(network)
    return network


def _uri(name: str, progress: Progress) -> LibvirtUri:
    if not registry.exists(name):
        return DEFAULT_URI
    try:
        return registry.read(name).uri
    except VhostError as error:
        progress(f"{error}")
        return DEFAULT_URI


def _status(name: str) -> NetworkStatus:
    try:
        network = registry.read(name)
    except VhostError:
        return NetworkStatus(name, NetworkState.DAMAGED)
    interfaces = (network.identity.bridge, *network.taps)
    whole = all(map(taps.exists, interfaces))
    taken = (port for port, tap in enumerate(network.taps) if taps.is_taken(tap))
    return NetworkStatus(
        name, NetworkState.UP if whole else NetworkState.INCOMPLETE, network, tuple(taken)
    )


def _require_root(what: str) -> None:
    if os.geteuid() != 0:
        raise InputError(
            f"a network is the machine's, and only root can {what} one",
            hint="put 'sudo' before the command",
        )
