# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a devstack's hosts, so that they are found again and can be removed."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.configuration.networking import (
    NO_NETWORKING,
    Certificates,
    Networking,
    NeutronAgent,
)
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util import json_record

_FORMAT = 3


@dataclass(frozen=True, slots=True)
class StackRecord:
    """The hosts of a devstack.

    :param topology: its name
    :param hosts: their names, which are Nova's too
    :param configuration: devstack's file for nova-compute
    :param database: a file with the URL of the cell's database; None on a subnode
    :param environment: devstack's virtual environment
    :param files: what the hosts have of the machine's files, at the same paths
    :param assignments: options of nova-compute that were set by hand, as they were typed
    :param disk_limit_mib: what guests may take of a host's disk, 0 for all of it
    :param log_directory: where the hosts' logs go beside the journal
    :param networking: what the hosts have of Neutron
    :param network: what connects them, beside the user-mode links; the first has its first port
    """

    name: str
    topology: str
    hosts: tuple[str, ...]
    accelerator: Accelerator
    created: str
    configuration: Path
    environment: Path
    database: Path | None = None
    files: tuple[Path, ...] = ()
    assignments: tuple[str, ...] = ()
    pci_in_placement: bool = False
    disk_limit_mib: int = 0
    log_directory: Path | None = None
    networking: Networking = NO_NETWORKING
    network: str | None = None

    @property
    def features(self) -> frozenset[TempestFeature]:
        """What guests can have there; to go from one host to another they need a way."""
        ports = {TempestFeature.NEUTRON_PORTS} if self.networking else set()
        moves = {TempestFeature.COLD_MIGRATION, TempestFeature.LIVE_MIGRATION}
        return frozenset(ports | (moves if self.network and len(self.hosts) > 1 else set()))

    def dump(self) -> str:
        """The record as JSON."""
        return json_record.dump(dataclasses.asdict(self), _FORMAT)

    @classmethod
    def load(cls, text: str) -> "StackRecord":
        """Read what ``dump`` wrote.

        :raises ValueError: for anything else, saying what is wrong
        """
        fields = json_record.load(text, _FORMAT)
        try:
            return cls(
                **{
                    **fields,
                    "hosts": tuple(fields["hosts"]),
                    "accelerator": Accelerator(fields["accelerator"]),
                    "configuration": Path(fields["configuration"]),
                    "environment": Path(fields["environment"]),
                    "database": _path(fields["database"]),
                    "files": tuple(map(Path, fields["files"])),
                    "assignments": tuple(fields["assignments"]),
                    "log_directory": _path(fields["log_directory"]),
                    "networking": _networking(**fields["networking"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"it has or lacks a field: {error}") from None


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _networking(
    southbound: str | None,
    certificates: Mapping[str, str] | None,
    agents: Iterable[Mapping[str, Any]],
) -> Networking:
    own = None
    if certificates is not None:
        own = Certificates(**{name: Path(path) for name, path in certificates.items()})
    known = (NeutronAgent(each["program"], tuple(map(Path, each["files"]))) for each in agents)
    return Networking(southbound, own, tuple(known))
