# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a host, so that it is found again and can be removed."""

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path, PurePosixPath
from uuid import UUID

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.host.network.uplink import Uplink
from vhost_tempest_plugin.host.share import Share, ShareDisk
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util import json_record

# Of what is written; records of other formats are not read.
FORMAT = 4
# Of the fields in JSON that are no strings.
_KINDS = {
    "ssh_port": int,
    "shares": list,
    "share_disks": list,
    "replugged": bool,
    "uplink": dict,
}


class Phase(StrEnum):
    """Where a host is in its life, as far as the last command got."""

    PREPARING = "preparing"
    BOOTING = "booting"
    RUNNING = "running"
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
    :param share_disks: what it had of each at its last boot
    :param replugged: a NIC has come back since QEMU was started
    :param failure: why its last start failed, on one line; empty where it did not
    :param uplink: what connects it to a network of the machine, as it was at its last boot
    """

    name: str
    uuid: UUID
    topology: str
    accelerator: Accelerator
    created: str
    phase: Phase = Phase.PREPARING
    uri: str | None = None
    image_digest: str | None = None
    guest_digest: str | None = None
    ssh_port: int | None = None
    shares: tuple[Share, ...] = ()
    share_disks: tuple[ShareDisk, ...] = ()
    replugged: bool = False
    uplink: Uplink | None = None
    failure: str = ""

    def dump(self) -> str:
        """The record as JSON."""
        return json_record.dump(dataclasses.asdict(self), FORMAT)

    @classmethod
    def load(cls, text: str) -> "HostRecord":
        """Read what ``dump`` wrote.

        :raises ValueError: for anything else, saying what is wrong
        """
        fields = json_record.load(text, FORMAT)
        expected = {field.name: field for field in dataclasses.fields(cls)}
        if wrong := set(fields) ^ set(expected):
            raise ValueError(f"it has or lacks {', '.join(sorted(wrong))}")
        for name, value in fields.items():
            optional = expected[name].default is None
            kind = _KINDS.get(name, str)
            if not (isinstance(value, kind) or (optional and value is None)):
                raise ValueError(f"{name} is {value!r}")
        return cls(
            **{
                **fields,
                "uuid": UUID(fields["uuid"]),
                "accelerator": Accelerator(fields["accelerator"]),
                "phase": Phase(fields["phase"]),
                "shares": tuple(map(_share, fields["shares"])),
                "share_disks": tuple(map(_share_disk, fields["share_disks"])),
                "uplink": None if fields["uplink"] is None else _uplink(fields["uplink"]),
            }
        )


def _share(fields: object) -> Share:
    source, path = _strings(fields, "source", "path")
    try:
        return Share(Path(source), PurePosixPath(path))
    except InputError as error:
        raise ValueError(str(error)) from None


def _share_disk(fields: object) -> ShareDisk:
    image, identity = _strings(fields, "image", "identity")
    return ShareDisk(Path(image), identity)


def _uplink(fields: dict[str, object]) -> Uplink:
    port = fields.get("port")
    if not isinstance(port, int):
        raise ValueError(f"the port of the uplink is {port!r}")
    others = {name: value for name, value in fields.items() if name != "port"}
    network, tap, mac, address, gateway = _strings(
        others, "network", "tap", "mac", "address", "gateway"
    )
    return Uplink(network, port, tap, mac, IPv4Interface(address), IPv4Address(gateway))


def _strings(fields: object, *names: str) -> tuple[str, ...]:
    """The values of an object that has these fields and no others."""
    if not isinstance(fields, dict) or set(fields) != set(names):
        raise ValueError(f"{fields!r} has not just {' and '.join(names)}")
    if wrong := [value for value in fields.values() if not isinstance(value, str)]:
        raise ValueError(f"{wrong[0]!r} is no string")
    return tuple(fields[name] for name in names)
