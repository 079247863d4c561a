# SPDX-License-Identifier: Apache-2.0
"""What makes a host itself, in an archive behind the initrd.

Its name, keys, topology, shares and address.

The initramfs copies it into the root file system at every boot (init.sh); the shared
image has nothing of it.
"""

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host.network.uplink import Uplink
from vhost_tempest_plugin.util import atomic_file
from vhost_tempest_plugin.util.cpio import Entry, archive

_DIRECTORY = "vhost"

# SLIRP's (QEMU, net/slirp.c).
_GATEWAY, _NAME_SERVER = "10.0.2.2", "10.0.2.3"
# libvirt asks for the host's own name with each guest; a name server is not to be waited for.
_HOSTS = """\
127.0.0.1 localhost
127.0.1.1 {}
::1 localhost ip6-localhost ip6-loopback
"""


@dataclass(frozen=True, slots=True)
class Seed:
    """A host's own files, as text.

    :param authorized_keys: the public keys by which root may log in
    :param host_key: the private ed25519 host key
    :param topology: the topology file, kept in the host as /etc/vhost/topology.yaml
    :param shares: the serial numbers of disks, each with where it is to be mounted
    :param uplink: gives it an address of its own beside the one that all hosts have
    :param machine: addresses that are reached by the uplink too
    :param internet: it has a way to everywhere, by the management link, and a name server
    """

    hostname: str
    authorized_keys: str
    host_key: str
    host_key_public: str
    topology: str
    shares: tuple[tuple[str, PurePosixPath], ...] = ()
    uplink: Uplink | None = None
    machine: tuple[IPv4Address, ...] = ()
    internet: bool = False

    def archive(self) -> bytes:
        """The cpio archive; the same seed gives the same bytes."""
        machine_id = hashlib.sha256(self.host_key_public.encode()).hexdigest()[:32]
        files = {
            "hostname": (self.hostname + "\n", 0o644),
            "hosts": (_HOSTS.format(self.hostname), 0o644),
            "resolv.conf": (f"nameserver {_NAME_SERVER}\n" if self.internet else "", 0o644),
            "gateway": (f"{_GATEWAY}\n" if self.internet else "", 0o644),
            "machine-id": (machine_id + "\n", 0o444),
            "authorized_keys": (_ended(self.authorized_keys), 0o600),
            "ssh_host_ed25519_key": (_ended(self.host_key), 0o600),
            "ssh_host_ed25519_key.pub": (_ended(self.host_key_public), 0o644),
            "topology.yaml": (self.topology, 0o644),
            "shares": ("".join(f"{serial} {path}\n" for serial, path in self.shares), 0o644),
            "uplink": (self._uplink(), 0o644),
        }
        return archive(
            Entry(f"{_DIRECTORY}/{name}", text.encode(), mode)
            for name, (text, mode) in files.items()
        )

    def _uplink(self) -> str:
        """A line: the NIC, the host's address, the machine's there, those behind it."""
        uplink = self.uplink
        if uplink is None:
            return ""
        words = (uplink.mac, uplink.address, uplink.gateway, *self.machine)
        return " ".join(map(str, words)) + "\n"


def write(initrd: Path, seed: Seed, path: Path) -> None:
    """Write the image's *initrd* with *seed* behind it to *path*, readable by its owner only.

    :raises LocalError: it cannot be written
    """
    try:
        image = initrd.read_bytes()
    except OSError as error:
        raise LocalError(f"cannot read {initrd}: {error.strerror}") from error
    atomic_file.write(path, image + seed.archive())


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
