# SPDX-License-Identifier: Apache-2.0
"""What the APIs of a lab report, as values."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vhost_tempest_plugin.errors import VhostError

if TYPE_CHECKING:
    from openstack.compute.v2 import hypervisor, server, service

_NOT_FOUND = 404


class CloudError(VhostError):
    """An API of the lab refused or did not answer; exit code 4.

    :param status: of HTTP, None where there was no answer
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, fact: str, status: int | None = None, *, hint: str = "") -> None:
        super().__init__(fact, hint=hint)
        self.status = status

    @property
    def is_missing(self) -> bool:
        """Whether what was asked for does not exist."""
        return self.status == _NOT_FOUND


class UntrustedError(CloudError):
    """An API has a certificate that nobody who is trusted vouches for; to wait does not help."""


@dataclass(frozen=True, order=True, slots=True)
class ComputeService:
    """One of Nova's services that report themselves.

    :param updated_at: when it did so last; None where it never did
    """

    binary: str
    host: str
    is_up: bool
    is_enabled: bool
    uuid: str = ""
    updated_at: str | None = None

    @classmethod
    def read(cls, entry: "service.Service") -> "ComputeService":
        """From what the SDK has for it."""
        return cls(
            entry.binary,
            entry.host,
            entry.state == "up",
            entry.status == "enabled",
            entry.id,
            entry.updated_at,
        )


@dataclass(frozen=True, order=True, slots=True)
class Hypervisor:
    """A compute node; *host* is the service's that runs it."""

    name: str
    host: str
    is_up: bool
    uuid: str = ""

    @classmethod
    def read(cls, entry: "hypervisor.Hypervisor") -> "Hypervisor":
        """From what the SDK has for it, with its details."""
        return cls(entry.name, entry.service_details["host"], entry.state == "up", entry.id)


@dataclass(frozen=True, slots=True)
class Server:
    """A guest of Nova.

    :param host: where it runs, None where it was not placed
    :param instance: the name of its libvirt domain
    :param fault: why it is in ERROR, else empty
    """

    uuid: str
    name: str
    status: str
    host: str | None
    instance: str
    fault: str

    @classmethod
    def read(cls, entry: "server.Server") -> "Server":
        """From what the SDK has for it, asked by an administrator."""
        return cls(
            uuid=entry.id,
            name=entry.name,
            status=entry.status,
            host=entry.compute_host,
            instance=entry.instance_name,
            fault=(entry.fault or {}).get("message", ""),
        )
