# SPDX-License-Identifier: Apache-2.0
"""What the APIs of a lab tell of, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from vhost_tempest_plugin.errors import VhostError

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
    """One of Nova's services that report themselves."""

    binary: str
    host: str
    is_up: bool
    is_enabled: bool

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> "ComputeService":
        """From what ``GET /os-services`` answers."""
        return cls(
            entry["binary"], entry["host"], entry["state"] == "up", entry["status"] == "enabled"
        )


@dataclass(frozen=True, order=True, slots=True)
class Hypervisor:
    """A compute node; *host* is the service's that runs it."""

    name: str
    host: str
    is_up: bool

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> "Hypervisor":
        """From what ``GET /os-hypervisors/detail`` answers."""
        return cls(entry["hypervisor_hostname"], entry["service"]["host"], entry["state"] == "up")


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
    def read(cls, entry: Mapping[str, Any]) -> "Server":
        """From what ``GET /servers/{id}`` answers to an administrator."""
        return cls(
            uuid=entry["id"],
            name=entry["name"],
            status=entry["status"],
            host=entry["OS-EXT-SRV-ATTR:host"],
            instance=entry["OS-EXT-SRV-ATTR:instance_name"],
            fault=entry.get("fault", {}).get("message", ""),
        )
