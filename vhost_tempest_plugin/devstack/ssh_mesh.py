# SPDX-License-Identifier: Apache-2.0
"""The way from one host of a devstack to another: guests' disks go by it, and guests that run.

Nova and libvirt become root on the other host by ssh.  The hosts of a devstack have one key for
that, which nobody else has, and know each other's host keys by address.
"""

from collections.abc import Sequence

from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost
from vhost_tempest_plugin.devstack import ssh_access
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.host import ssh_keys
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.ssh import HostConnection

_KEY = "/root/.ssh/id_ed25519"
_KNOWN_HOSTS = "/root/.ssh/known_hosts"


def grant(
    connection: HostConnection, directory: StackDirectory, hosts: Sequence[ComputeHost]
) -> None:
    """Let a running host into the others, and them into it.

    :raises HostError: the host does not take it
    """
    key = directory.mesh_key
    ssh_keys.make(key, f"hosts of {directory.name}")
    ssh_access.accept(connection, ssh_keys.public(key))
    connection.put(key.read_text(encoding="utf-8"), _KEY, mode=0o600)
    connection.put(_known(hosts), _KNOWN_HOSTS)


def _known(hosts: Sequence[ComputeHost]) -> str:
    """Those that have booted once; a later one is announced to all when it starts."""
    found = ((host.address, HostDirectory.of(host.name).host_key) for host in hosts)
    return "".join(f"{address} {ssh_keys.public(key)}\n" for address, key in found if key.exists())
