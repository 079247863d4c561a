# SPDX-License-Identifier: Apache-2.0
"""The ssh keys of a host, made in advance so that both sides can be checked."""

from pathlib import Path

from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.util import atomic_file, durability, process

_MADE_IN_S = 30.0
_END = "-----END OPENSSH PRIVATE KEY-----\n"


def obtain(directory: HostDirectory) -> None:
    """Make the keys that are missing, and the known_hosts file that names the host.

    :raises LocalError: ssh-keygen is not installed
    :raises CommandError: it failed, as with a full disk
    """
    make(directory.client_key, f"vhost client of {directory.name}")
    make(directory.host_key, f"vhost host {directory.name}")
    line = f"{directory.name} {public(directory.host_key)}\n"
    atomic_file.write(directory.known_hosts, line)


def public(private: Path) -> str:
    """The public half of the key at *private*, one line."""
    return private.with_name(f"{private.name}.pub").read_text(encoding="utf-8").strip()


def make(private: Path, comment: str) -> None:
    """Make the key at *private* where there is none, or one of its halves is damaged or missing.

    :raises LocalError: ssh-keygen is not installed
    :raises CommandError: it failed
    """
    other_half = private.with_name(f"{private.name}.pub")
    if _ends(private, _END) and _ends(other_half, "\n"):
        return
    keygen = process.which("ssh-keygen")
    with atomic_file.replacing(private, durable=True) as partial:
        process.run(
            [keygen, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", partial],
            timeout_s=_MADE_IN_S,
        )
        # The private key last: where it is, its other half is too.
        made = partial.with_name(f"{partial.name}.pub")
        durability.flush(made)
        made.replace(other_half)


def _ends(path: Path, last: str) -> bool:
    """Whether a file is there and not cut off."""
    try:
        return path.read_text(encoding="utf-8").endswith(last)
    except (OSError, UnicodeDecodeError):
        return False
