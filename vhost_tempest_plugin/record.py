# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a host, so that it is found again and can be removed."""

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from vhost_tempest_plugin.accelerator import Accelerator

_FORMAT = 1


class Phase(StrEnum):
    """Where a host is in its life, as far as the last command got."""

    PREPARING = "preparing"
    BOOTING = "booting"
    RUNNING = "running"
    SAVED = "saved"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class HostRecord:
    """A host.

    :param uuid: of its domain; QEMU's command line has it too, so it finds lost processes
    :param uri: the libvirt that it was started with, None for the private one
    :param created: when, as ISO 8601
    :param ssh_port: on the loopback address, while it runs
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

    def dump(self) -> str:
        """The record as JSON."""
        fields = {**dataclasses.asdict(self), "uuid": str(self.uuid), "format": _FORMAT}
        return json.dumps(fields, indent=2) + "\n"

    @classmethod
    def load(cls, text: str) -> "HostRecord":
        """Read what ``dump`` wrote.

        :raises ValueError: for anything else, saying what is wrong
        """
        fields = json.loads(text)
        if not isinstance(fields, dict) or fields.pop("format", None) != _FORMAT:
            raise ValueError(f"it is not of format {_FORMAT}")
        expected = {field.name: field for field in dataclasses.fields(cls)}
        if wrong := set(fields) ^ set(expected):
            raise ValueError(f"it has or lacks {', '.join(sorted(wrong))}")
        for name, value in fields.items():
            optional = expected[name].default is None
            kind = int if name == "ssh_port" else str
            if not (isinstance(value, kind) or (optional and value is None)):
                raise ValueError(f"{name} is {value!r}")
        return cls(
            **{
                **fields,
                "uuid": UUID(fields["uuid"]),
                "accelerator": Accelerator(fields["accelerator"]),
                "phase": Phase(fields["phase"]),
            }
        )
