# SPDX-License-Identifier: Apache-2.0
"""A way into the hosts for who runs tempest, where that is another user than devstack's.

Nobody but their owner reads the files of a host, its key among them.  So the other user has a
key of its own, which the hosts accept beside the owner's also after they have booted again.
"""

from collections.abc import Sequence
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration.scenarios import SshAccess
from vhost_tempest_plugin.errors import HostError, LocalError, VhostCommand
from vhost_tempest_plugin.host import ssh_keys, status
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.ssh import HostConnection

# The seed writes authorized_keys at each boot; sshd reads this too (sshd_config(5)).
_ACCEPTED = "/root/.ssh/authorized_keys2"
_ADMIT = (
    f'touch {_ACCEPTED}; chmod 600 {_ACCEPTED}; read -r key; grep -qxF "$key" {_ACCEPTED} || '
    f'echo "$key" >>{_ACCEPTED}'
)


def admit(names: Sequence[str], directory: Path) -> SshAccess:
    """Have running hosts accept a key in *directory*, which is made where it is not there.

    :raises HostError: one of them does not run
    :raises LocalError: the directory cannot be written
    """
    access = SshAccess({}, directory / "key", directory / "known_hosts")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        ssh_keys.make(access.key, "tempest")
        known = [HostDirectory.of(name).known_hosts.read_text(encoding="utf-8") for name in names]
        access.known_hosts.write_text("".join(known), encoding="utf-8")
    except OSError as error:
        raise LocalError(f"cannot write {directory}: {error.strerror}") from None
    ports = {}
    for name in names:
        with status.connected(name) as (record, connection):
            if record.ssh_port is None:
                raise HostError(
                    f"host {name!r} does not run", hint=f"{VhostCommand('up', name=name)} boots it"
                )
            accept(connection, ssh_keys.public(access.key))
            ports[name] = record.ssh_port
    return SshAccess(ports, access.key, access.known_hosts)


def accept(connection: HostConnection, key: str) -> None:
    """Have a host accept a public key, also after it has booted again."""
    connection.run(["sh", "-c", _ADMIT], input_text=f"{key}\n")
