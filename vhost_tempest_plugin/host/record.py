# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a host, so that it is found again and can be removed."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from vhost_tempest_plugin.host.network.uplink import Uplink
from vhost_tempest_plugin.host.owner import USER, HostOwner
from vhost_tempest_plugin.host.share import Share, ShareDisk
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.util import json_record

# Of what is written; records of other formats are not read.
FORMAT = 5


class Phase(StrEnum):
    """Where a host is in its life, as far as the last command got."""

    PREPARING = "preparing"
    BOOTING = "booting"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting down"
    SAVED = "saved"
    OFF = "off"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class HostRecord:
    """A host.

    :param uuid: of its domain; QEMU's command line has it too, so it finds lost processes
    :param uri: the libvirt that it was started with, None for the private one
    :param created: when, as ISO 8601
    :param ssh_port: on the loopback address, while it runs
    :param shares: the trees of the machine that it has
    :param share_disks: the images of the shares at the last boot
    :param replugged: a NIC has come back since QEMU was started
    :param internet: its management link leads to what the machine reaches, its loopback too
    :param failure: why its last start failed, on one line; empty where it did not
    :param uplink: what connects it to a network of the machine, as it was at its last boot
    :param owner: who made it, and alone may change or remove it
    """

    name: str
    uuid: UUID
    topology: str
    accelerator: Accelerator
    created: str
    phase: Phase = Phase.PREPARING
    uri: LibvirtUri | None = None
    image_digest: str | None = None
    guest_digest: str | None = None
    ssh_port: int | None = None
    shares: tuple[Share, ...] = ()
    share_disks: tuple[ShareDisk, ...] = ()
    replugged: bool = False
    uplink: Uplink | None = None
    internet: bool = False
    failure: str = ""
    owner: HostOwner = USER

    def dump(self) -> str:
        """The record as JSON."""
        return json_record.dump(self, FORMAT)

    @classmethod
    def load(cls, text: str) -> "HostRecord":
        """Read what ``dump`` wrote.

        :raises ValueError: for anything else, saying what is wrong
        """
        return json_record.load(cls, text, FORMAT)
