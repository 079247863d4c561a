# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a lab, so that it is found again and can be removed."""

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override, Ports, Secrets
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util import json_record

_FORMAT = 1


class LabPhase(StrEnum):
    """Where a lab is in its life, as far as the last command got."""

    STARTING = "starting"
    READY = "ready"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class LabRecord:
    """A lab; the record has its secrets, so its file is the user's alone.

    :param hosts: the names of its emulated hosts
    :param environment: the virtual environment that it runs
    :param nova: the Nova working tree under test, None for the release's own
    """

    name: str
    topology: str
    release: str
    environment: Path
    hosts: tuple[str, ...]
    accelerator: Accelerator
    created: str
    ports: Ports
    secrets: Secrets
    nova: Path | None = None
    phase: LabPhase = LabPhase.STARTING
    overrides: tuple[Override, ...] = ()

    def dump(self) -> str:
        """The record as JSON."""
        return json_record.dump(dataclasses.asdict(self), _FORMAT)

    @classmethod
    def load(cls, text: str) -> "LabRecord":
        """Read what ``dump`` wrote.

        :raises ValueError: for anything else, saying what is wrong
        """
        fields = json_record.load(text, _FORMAT)
        try:
            return cls(
                **{
                    **fields,
                    "environment": Path(fields["environment"]),
                    "hosts": tuple(fields["hosts"]),
                    "accelerator": Accelerator(fields["accelerator"]),
                    "ports": Ports(**fields["ports"]),
                    "secrets": Secrets(**fields["secrets"]),
                    "nova": None if fields["nova"] is None else Path(fields["nova"]),
                    "phase": LabPhase(fields["phase"]),
                    "overrides": tuple(_override(entry) for entry in fields["overrides"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"it has or lacks a field: {error}") from None


def _override(fields: dict[str, Any]) -> Override:
    value = fields["value"]
    return Override(
        **{
            **fields,
            "service": Service(fields["service"]),
            "value": tuple(value) if isinstance(value, list) else value,
        }
    )
