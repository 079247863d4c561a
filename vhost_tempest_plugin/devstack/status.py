# SPDX-License-Identifier: Apache-2.0
"""How a devstack's hosts are, and what nova-compute says in them; nothing is changed."""

from collections.abc import Iterator
from dataclasses import dataclass

from vhost_tempest_plugin.cloud.compute.unit import LOG
from vhost_tempest_plugin.devstack import access
from vhost_tempest_plugin.devstack.compute_hosts import ComputeHosts
from vhost_tempest_plugin.errors import HostError, VhostError
from vhost_tempest_plugin.host.status import is_running, ssh
from vhost_tempest_plugin.util import process
from vhost_tempest_plugin.util.die_with_parent import asked_to_end
from vhost_tempest_plugin.util.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class ComputeHostStatus:
    """A host of a devstack as it is.

    :param state: of the host
    :param compute: of nova-compute in it, as systemd says
    :param lacking: what the cloud does not know of it, empty where it knows all
    """

    name: str
    state: str
    compute: str
    lacking: str


def follow(host: str, count: int) -> Iterator[str]:
    """The last *count* lines of nova-compute's log in a host, and each that comes.

    :raises HostError: the host does not run
    """
    way = ssh(host)
    argv = asked_to_end(
        [*way.argv(), way.destination, "--", "tail", "-n", str(count), "-F", str(LOG)]
    )
    with process.running(argv, directory=way.directory) as program:
        for line in program.stdout or ():
            yield line.decode(errors="replace").rstrip("\n")


def known_hosts(name: str, host: str | None, progress: Progress) -> tuple[str, ...]:
    """The names of the hosts of a devstack, or that one of them.

    :raises InputError: there is no such devstack or host
    """
    return tuple(found.name for found in _read(name, progress).named([host] if host else []))


def last_lines(name: str, host: str, count: int, progress: Progress = silent) -> list[str]:
    """The end of nova-compute's log in a host.

    :raises HostError: the host does not run
    """
    with _read(name, progress).compute(host) as compute:
        return compute.last_lines(count)


def overview(name: str, progress: Progress) -> list[ComputeHostStatus]:
    """How the hosts are.

    :raises InputError: there is no such devstack
    """
    nodes = _read(name, progress)
    found = []
    for host in nodes.hosts:
        if not is_running(host.name):
            found.append(ComputeHostStatus(host.name, "off", "", "the host does not run"))
            continue
        try:
            with nodes.compute(host.name) as compute:
                state = compute.state()
        except HostError as error:
            state = str(error)
        try:
            lacking = nodes.lacking(host) or ""
        except VhostError as error:
            lacking = str(error)
        found.append(ComputeHostStatus(host.name, "running", state, lacking))
    return found


def _read(name: str, progress: Progress) -> ComputeHosts:
    return access.read(name, progress).hosts
